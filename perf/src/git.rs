//! What the gate asks git: which commit is the base, and a worktree for it that is gone when the
//! gate ends, whichever way it ends. Compares and measures nothing.

use process::{Error, Result, engine};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A git checkout.
#[derive(Debug, Clone)]
pub(crate) struct Repository(PathBuf);

impl Repository {
    /// The checkout that `folder` is in.
    pub(crate) fn at(folder: &Path) -> Result<Self> {
        let repository = Self(folder.to_owned());
        repository.place().map(|_| repository).ok_or_else(|| {
            let remedy = "the gate compares with a commit: run it in a git checkout";
            Error::new("no git checkout", folder.display(), remedy)
        })
    }

    fn ask(&self, args: &[&str]) -> Option<String> {
        engine::git(&self.0, args)
    }

    /// The merge-base of HEAD and a reference: not its tip, or other people's speed-ups would show as
    /// one's own slowdowns. A reference of a remote that is not there yet is fetched.
    pub(crate) fn base(&self, reference: &str) -> Result<String> {
        let verify = ["rev-parse", "--verify", "--quiet", &format!("{reference}^{{commit}}")];
        if self.ask(&verify).is_none()
            && let Some((remote, branch)) = reference.split_once('/')
        {
            let refspec = format!("refs/heads/{branch}:refs/remotes/{remote}/{branch}");
            self.ask(&["fetch", "--quiet", "--no-tags", remote, &refspec]);
        }
        if self.ask(&verify).is_none() {
            let refs = self.ask(&["for-each-ref", "--count=8", "--format=%(refname:short)"]);
            let there = refs.unwrap_or_default().replace('\n', ", ");
            let what = format!("base `{reference}` is no commit");
            let remedy = format!("set MACE_PERF_BASE_REF; the first refs there: {there}");
            return Err(Error::new(what, self.0.display(), remedy));
        }
        self.ask(&["merge-base", "HEAD", reference]).ok_or_else(|| {
            let what = format!("HEAD and `{reference}` have no common commit");
            let remedy = "fetch the full history (`git fetch --unshallow`) or name another base";
            Error::new(what, self.0.display(), remedy)
        })
    }

    /// Whether these paths differ between the commit and the files here.
    pub(crate) fn differs(&self, commit: &str, paths: &[&str]) -> bool {
        self.ask(&[&["diff", "--quiet", commit, "--"], paths].concat()).is_none()
    }

    /// The folder of the whole checkout, and where this one is in it; empty where it is the same.
    pub(crate) fn place(&self) -> Option<(PathBuf, PathBuf)> {
        let top = self.ask(&["rev-parse", "--show-toplevel"])?;
        let prefix = self.ask(&["rev-parse", "--show-prefix"])?;
        Some((PathBuf::from(top), PathBuf::from(prefix.trim_end_matches('/'))))
    }

    /// The commit in a worktree at `folder`, which is replaced.
    pub(crate) fn worktree(&self, commit: &str, folder: &Path) -> Result<Worktree> {
        let worktree = Worktree { repository: self.clone(), folder: folder.to_owned() };
        worktree.remove();
        let place = folder.to_string_lossy();
        let add = ["worktree", "add", "--quiet", "--detach", "--force", &place, commit];
        self.ask(&add).map(|_| worktree).ok_or_else(|| {
            let what = format!("cannot check out {commit} in a worktree");
            Error::new(what, folder.display(), "`git worktree add` there shows why")
        })
    }
}

/// A worktree that is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Worktree {
    repository: Repository,
    pub(crate) folder: PathBuf,
}

impl Worktree {
    fn remove(&self) {
        let place = self.folder.to_string_lossy();
        self.repository.ask(&["worktree", "remove", "--force", &place]);
        let _ = fs::remove_dir_all(&self.folder);
        self.repository.ask(&["worktree", "prune"]);
    }
}

impl Drop for Worktree {
    fn drop(&mut self) {
        self.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(folder: &Path, args: &[&str]) -> String {
        let author = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        let repository = Repository(folder.to_owned());
        repository.ask(&[&author[..], args].concat()).unwrap_or_else(|| panic!("git {args:?}"))
    }

    fn commit(folder: &Path, text: &str) -> String {
        fs::write(folder.join("file"), text).unwrap();
        git(folder, &["add", "."]);
        git(folder, &["commit", "--quiet", "-m", text]);
        git(folder, &["rev-parse", "HEAD"])
    }

    #[test]
    fn the_base_is_where_the_histories_part() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path();
        assert!(Repository::at(folder).is_err());
        git(folder, &["init", "--quiet", "-b", "trunk"]);
        let fork = commit(folder, "one");
        git(folder, &["checkout", "--quiet", "-b", "work"]);
        let head = commit(folder, "two");
        git(folder, &["checkout", "--quiet", "trunk"]);
        commit(folder, "three");
        git(folder, &["checkout", "--quiet", "work"]);

        let repository = Repository::at(folder).unwrap();
        assert_eq!(repository.base("trunk").unwrap(), fork);
        let top = fs::canonicalize(folder).unwrap();
        assert_eq!(repository.place(), Some((top.clone(), PathBuf::new())));
        fs::create_dir_all(folder.join("a/b")).unwrap();
        let below = Repository::at(&folder.join("a/b")).unwrap();
        assert_eq!(below.place(), Some((top, "a/b".into())));
        let line = repository.base("origin/master").unwrap_err().to_string();
        assert!(line.contains("`origin/master` is no commit") && line.contains("trunk, work"));

        let place = folder.join("base");
        let worktree = repository.worktree(&fork, &place).unwrap();
        assert_eq!(fs::read_to_string(worktree.folder.join("file")).unwrap(), "one");
        // One that a killed run left is replaced.
        let again = repository.worktree(&head, &place).unwrap();
        assert_eq!(fs::read_to_string(again.folder.join("file")).unwrap(), "two");
        drop((worktree, again));
        assert!(!place.exists());
        assert!(repository.differs(&fork, &["file"]) && !repository.differs(&head, &["file"]));
    }

    #[test]
    fn a_reference_that_only_the_remote_has_is_fetched() {
        let origin = tempfile::tempdir().unwrap();
        let clone = tempfile::tempdir().unwrap();
        git(origin.path(), &["init", "--quiet", "-b", "master"]);
        let first = commit(origin.path(), "one");
        let place = clone.path().join("clone");
        let from = origin.path().to_string_lossy().into_owned();
        git(origin.path(), &["clone", "--quiet", &from, &place.to_string_lossy()]);
        git(&place, &["update-ref", "-d", "refs/remotes/origin/master"]);
        let base = Repository::at(&place).unwrap().base("origin/master").unwrap();
        assert_eq!(base, first);
    }
}
