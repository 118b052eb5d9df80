//! What the build says by itself: a run without the runner has the stock engine, whatever a knob asks for.

use crate::chaos::extract::unapplied;

#[test]
fn a_build_without_the_fixes_asked_for_says_so() {
    let line = unapplied(Some("all"), &[]).unwrap();
    assert!(line.contains("MACE_PROD_FIXES = all") && line.contains("`just prod`"), "{line}");
    assert!(!line.contains('\n'), "{line}");
    for (asked, applied) in
        [(None, None), (Some("none"), None), (Some(""), None), (Some("all"), Some("one"))]
    {
        let applied: Vec<_> = applied.into_iter().map(str::to_owned).collect();
        assert_eq!(unapplied(asked, &applied), None, "{asked:?}");
    }
}
