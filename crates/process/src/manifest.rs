//! Cargo manifests rewritten for another engine: the dependency on it points elsewhere, everything
//! else stays as it is, features included. Text in, text out; no files.

use crate::{engine::METADATA, wanted::Wanted};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Keys that say where a dependency comes from; the rest say how it is used.
const SOURCES: [&str; 9] =
    ["version", "path", "git", "branch", "tag", "rev", "registry", "registry-index", "base"];

/// Points every dependency on the package of the engine at `wanted`; returns the text and how many there were. A
/// workspace leaves the folder `kept_out` out: a dependency below it would be a member otherwise, and
/// built as members are.
pub(crate) fn repoint(
    text: &str,
    engine: &str,
    wanted: &Wanted,
    kept_out: Option<&str>,
) -> Result<(String, usize), toml_edit::TomlError> {
    let mut document: DocumentMut = text.parse()?;
    let mut count = 0;
    let root = document.as_table_mut();
    count += repoint_kinds(root, engine, wanted);
    if let Some(workspace) = root.get_mut("workspace").and_then(Item::as_table_like_mut) {
        count += repoint_kinds(workspace, engine, wanted);
        if let Some(folder) = kept_out {
            let exclude = workspace.entry("exclude").or_insert(toml_edit::value(Array::new()));
            if let Some(folders) = exclude.as_array_mut() {
                folders.push(folder);
            }
        }
    }
    if let Some(targets) = root.get_mut("target").and_then(Item::as_table_like_mut) {
        for (_, target) in targets.iter_mut() {
            let target = target.as_table_like_mut();
            count += target.map_or(0, |target| repoint_kinds(target, engine, wanted));
        }
    }
    Ok((document.to_string(), count))
}

fn repoint_kinds(table: &mut dyn TableLike, engine: &str, wanted: &Wanted) -> usize {
    let mut count = 0;
    for kind in KINDS {
        let Some(dependencies) = table.get_mut(kind).and_then(Item::as_table_like_mut) else {
            continue;
        };
        for (name, dependency) in dependencies.iter_mut() {
            count += usize::from(repoint_one(name.get(), dependency, engine, wanted));
        }
    }
    count
}

fn repoint_one(name: &str, dependency: &mut Item, engine: &str, wanted: &Wanted) -> bool {
    let package = dependency.get("package").and_then(Item::as_str).unwrap_or(name);
    let inherited = dependency.get("workspace").is_some();
    if package != engine || inherited {
        return false;
    }
    if dependency.is_str() {
        *dependency = Item::Value(Value::InlineTable(InlineTable::new()));
    }
    let Some(table) = dependency.as_table_like_mut() else { return false };
    for source in SOURCES {
        table.remove(source);
    }
    let (key, value) = match wanted {
        Wanted::Path(path) => ("path", path.display().to_string()),
        Wanted::Version(version) => ("version", format!("={version}")),
        Wanted::Locked => return false,
    };
    table.insert(key, toml_edit::value(value));
    true
}

/// Notes in the engine's own manifest which fixes its sources have.
pub(crate) fn note_fixes(text: &str, ids: &[String]) -> Result<String, toml_edit::TomlError> {
    let mut document: DocumentMut = text.parse()?;
    let ids: Array = ids.iter().map(String::as_str).collect();
    document["package"]["metadata"][METADATA]["fixes"] = toml_edit::value(ids);
    Ok(document.to_string())
}

/// Makes the package one that belongs to no workspace above it.
pub(crate) fn stand_alone(text: &str) -> Result<String, toml_edit::TomlError> {
    let mut document: DocumentMut = text.parse()?;
    document.entry("workspace").or_insert(Item::Table(Table::new()));
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::{note_fixes, repoint, stand_alone};
    use crate::{engine::PACKAGE, wanted::Wanted};

    #[test]
    fn every_dependency_is_repointed_and_keeps_its_use() {
        let text = r#"
[workspace.dependencies]
mace-kv = "=0.2.0" # pinned
[dependencies]
mace-kv.workspace = true
engine = { package = "mace-kv", version = "0.2", features = ["x"], default-features = false }
other = "1"
[target.'cfg(unix)'.dev-dependencies.mace-kv]
git = "https://example.com/mace"
rev = "abc"
optional = true
"#;
        let (path, count) =
            repoint(text, PACKAGE, &Wanted::Path("/checkout".into()), None).unwrap();
        assert_eq!(count, 3, "{path}");
        assert!(path.contains("mace-kv = { path = \"/checkout\" }"), "{path}");
        assert!(path.contains("mace-kv.workspace = true") && path.contains("other = \"1\""));
        let kept = "features = [\"x\"], default-features = false";
        assert!(path.contains("package = \"mace-kv\"") && path.contains(kept), "{path}");
        assert!(path.contains("optional = true\npath = \"/checkout\""), "{path}");
        assert!(!path.contains("0.2") && !path.contains("rev"), "{path}");

        let (version, _) = repoint(text, PACKAGE, &Wanted::Version("0.1.2".into()), None).unwrap();
        assert!(version.contains("mace-kv = { version = \"=0.1.2\" }"), "{version}");

        let (other, count) =
            repoint(text, "other", &Wanted::Version("4.1.0".into()), None).unwrap();
        assert!(count == 1 && other.contains("other = { version = \"=4.1.0\" }"), "{other}");
        assert!(other.contains("mace-kv = \"=0.2.0\""), "{other}");
    }
    #[test]
    fn a_workspace_leaves_out_what_it_is_told_to() {
        let wanted = Wanted::Path("/w/inside".into());
        for (text, out) in [
            ("[workspace]\nexclude = [\"a\"]\n", "exclude = [\"a\", \"inside\"]"),
            ("[workspace]\nmembers = []\n", "exclude = [\"inside\"]"),
        ] {
            let (text, _) = repoint(text, PACKAGE, &wanted, Some("inside")).unwrap();
            assert!(text.contains(out), "{text}");
        }
        let text = "[package]\nname = \"a\"\n";
        let (member, _) = repoint(text, PACKAGE, &wanted, Some("inside")).unwrap();
        assert!(!member.contains("exclude"), "{member}");
    }

    #[test]
    fn a_package_is_made_to_stand_alone() {
        let alone = stand_alone("[package]\nname = \"a\"\n").unwrap();
        assert!(alone.ends_with("\n[workspace]\n"), "{alone}");
        assert_eq!(stand_alone(&alone).unwrap(), alone);
    }

    #[test]
    fn the_manifest_of_a_copy_names_its_fixes() {
        for text in ["[package]\nname = \"a\"\n", "[package]\n[package.metadata.x]\ny = 1\n"] {
            let noted = note_fixes(text, &["one".into(), "two".into()]).unwrap();
            let table: toml::Table = toml::from_str(&noted).unwrap();
            let fixes = table["package"]["metadata"]["mace-prod"]["fixes"].as_array().unwrap();
            assert_eq!(fixes.len(), 2, "{noted}");
        }
    }
}
