//! What `.github/tell` asks GitHub for, with a `gh` that writes its arguments down.

use crate::consumers::ask;
use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

/// A `gh` that answers a list by what is in `listed`, and keeps the rest in `asked` and `body`.
const GH: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
case " $* " in
    *" --method "*) echo "$*" >> asked; cat > body ;;
    *) echo "$5" > filter; echo "$3" > list; cat listed ;;
esac
"#;

/// A folder with that `gh`, and what a run left in `results`.
fn machine(listed: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let gh = folder.path().join("gh");
    fs::write(&gh, GH).unwrap();
    fs::set_permissions(&gh, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.path().join("listed"), listed).unwrap();
    let results = folder.path().join("results/prod");
    fs::create_dir_all(&results).unwrap();
    fs::write(results.join("report.md"), "# Red\n").unwrap();
    folder
}

/// How it ended, and what it said.
fn tell(folder: &Path, args: &[&str]) -> (bool, String) {
    let path = std::env::join_paths([folder, Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    let mut tell = Command::new(knobs::runtime::root().join(".github/tell"));
    tell.args(args).env("PATH", path).current_dir(folder);
    tell.env("GITHUB_SERVER_URL", "https://github.example");
    tell.env("GITHUB_REPOSITORY", "owner/engine").env("GITHUB_RUN_ID", "7");
    ask(&mut tell)
}

fn read(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).unwrap()
}

#[test]
fn a_red_run_opens_an_issue_and_later_rewrites_it() {
    let first = machine("");
    let (ended, text) = tell(first.path(), &["issue", "The night failed", "results"]);
    assert!(ended, "{text}");
    let asked = read(first.path(), "asked");
    let opens = "--method POST repos/{owner}/{repo}/issues --raw-field title=The night failed ";
    assert!(asked.contains(opens), "{asked}");
    let body = read(first.path(), "body");
    let link = "[The run](https://github.example/owner/engine/actions/runs/7)";
    assert!(body.starts_with("<!-- mace-prod: issue -->\n"), "{body}");
    assert!(body.contains(link) && body.ends_with("# Red\n"), "{body}");

    let again = machine("12\n11\n");
    fs::remove_dir_all(again.path().join("results")).unwrap();
    let (ended, text) = tell(again.path(), &["issue", "The night failed", "results"]);
    assert!(ended, "{text}");
    let asked = read(again.path(), "asked");
    assert!(asked.contains("--method PATCH repos/{owner}/{repo}/issues/12 "), "{asked}");
    assert!(read(again.path(), "body").ends_with("It left no report.\n"));
}

#[test]
fn a_change_has_one_comment() {
    for (listed, asks) in [
        ("", "--method POST repos/{owner}/{repo}/issues/3/comments "),
        ("99\n", "--method PATCH repos/{owner}/{repo}/issues/comments/99 "),
    ] {
        let folder = machine(listed);
        let (ended, text) = tell(folder.path(), &["comment", "3", "results"]);
        assert!(ended, "{text}");
        assert!(read(folder.path(), "asked").contains(asks), "{asks}");
        assert!(read(folder.path(), "list").contains("/issues/3/comments"));
    }
    let folder = machine("");
    let (ended, text) = tell(folder.path(), &["coment", "3", "results"]);
    assert!(!ended && text.contains("usage: .github/tell issue"), "{text}");
}

/// The filter in gh's own language, tried where jq is there.
#[test]
fn what_a_person_wrote_is_not_replaced() {
    let folder = machine("");
    assert!(tell(folder.path(), &["comment", "3", "results"]).0);
    let comments = r#"[
        {"id": 1, "user": {"type": "User"}, "body": "<!-- mace-prod: comment -->"},
        {"id": 2, "user": {"type": "Bot"}, "body": "another table"},
        {"id": 3, "user": {"type": "Bot"}, "body": null},
        {"id": 4, "user": {"type": "Bot"}, "body": "<!-- mace-prod: comment -->\nours"}
    ]"#;
    fs::write(folder.path().join("comments"), comments).unwrap();
    let filter = read(folder.path(), "filter");
    let asked = Command::new("jq").arg(filter.trim()).arg(folder.path().join("comments")).output();
    match asked {
        Ok(output) => assert_eq!(String::from_utf8_lossy(&output.stdout), "4\n"),
        Err(_) => assert!(filter.contains(".user.type == \"Bot\" and "), "{filter}"),
    }
}
