//! The order of an exploration, and that its counts for a trace do not depend on recoveries. Says
//! nothing about which states there are.

use super::Explore;
use crate::{
    image::Image,
    judge::Case,
    op::{Call, Event, Ino, Kind, Op},
    persist::Profile,
    state::Step,
    trace::{Summary, Trace},
};
use std::fs;

/// Two files; two threads write to one each at the same time.
fn overlapping() -> Trace {
    let create = |ino, name: &str| Op::Create {
        dir: Ino::ROOT,
        name: name.into(),
        ino: Ino(ino),
        kind: Kind::File,
    };
    let write = |ino, data: &[u8]| Op::Write { ino: Ino(ino), offset: 0, data: data.into() };
    let event = |thread, entered, op| Event { thread, entered, call: Call::Write, op };
    let events = vec![
        event(0, 0, create(1, "f")),
        event(0, 1, create(2, "g")),
        event(0, 2, write(1, b"f")),
        event(1, 2, write(2, b"g")),
    ];
    Trace::new(Image::default(), events, Summary::default())
}

#[test]
fn recovery_crashes_come_before_permutations() {
    // Recovery turns the complete folder into what the reordered writes leave.
    let judge = |case: &Case| {
        let [f, g] = ["f", "g"].map(|name| fs::read(case.dir().join(name)).unwrap_or_default());
        match (f.is_empty(), g.is_empty(), case.depth()) {
            (true, false, 1) => Err("the second write is there alone".to_owned()),
            (true, false, _) => Err("what recovery leaves".to_owned()),
            (false, false, 1) if case.is_recorded() => {
                fs::write(case.dir().join("f"), "").map_err(|error| error.to_string())
            }
            _ => Ok(()),
        }
    };
    let explore = Explore::new().profile(Profile::ProcessKill).questions(0);
    let report = explore.run(overlapping(), &judge).unwrap();
    let found: Vec<_> = report.findings.iter().map(|it| (it.step, it.depth)).collect();
    assert_eq!(found, [(Step::Prefix, 2), (Step::Permute, 1)], "{report}");
    assert_eq!(report.nested, (5, 5), "{report}");
    let alone = explore.nested(0).run(overlapping(), &judge).unwrap();
    let permuted = (1, Step::Permute);
    assert_eq!(alone.tallies[&permuted], report.tallies[&permuted], "{report}");
}

#[test]
fn crashes_within_one_recovery_have_one_origin() {
    // Recovery of the empty folder writes three files; what it leaves when it is cut off is not sound.
    let judge = |case: &Case| {
        let names = ["a", "b", "c"].map(|name| case.dir().join(name));
        match (case.depth(), names[0].exists()) {
            (1, _) if case.is_recorded() => names
                .iter()
                .try_for_each(|name| fs::write(name, "x").map_err(|error| error.to_string())),
            (2, true) => Err("half a recovery".to_owned()),
            _ => Ok(()),
        }
    };
    let explore = Explore::new().profile(Profile::ProcessKill).questions(0);
    let report = explore.run(overlapping(), &judge).unwrap();
    let [finding] = report.findings.as_slice() else { panic!("{report}") };
    assert!(finding.origins <= report.nested.1, "{report}");
    assert!(finding.count >= 2 * finding.origins, "{report}");
    let alone = |case: &Case| match fs::read(case.dir().join("f")) {
        Ok(bytes) if !bytes.is_empty() => Err("f has bytes".to_owned()),
        _ => Ok(()),
    };
    let report = explore.nested(0).run(overlapping(), &alone).unwrap();
    let [finding] = report.findings.as_slice() else { panic!("{report}") };
    assert!(finding.count > 1, "{report}");
    assert_eq!(finding.origins, finding.count, "{report}");
}
