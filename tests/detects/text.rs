//! The text of the types that decide verdicts is their codec's alone: this file does not compile when it
//! can be had as a string, or compared with one.

use mace_prod::{
    history::{Milestone, OracleName},
    settings::FindingId,
};

/// Does not compile when the type has the trait: the method would then be ambiguous.
macro_rules! lacks {
    ($type:ty: $($trait:tt)+) => {
        const _: fn() = || {
            struct Forbidden;
            trait Ambiguous<Which> {
                fn method() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            impl<T: ?Sized + $($trait)+> Ambiguous<Forbidden> for T {}
            let _ = <$type as Ambiguous<_>>::method;
        };
    };
}

lacks!(Milestone: std::fmt::Display);
lacks!(Milestone: AsRef<str>);
lacks!(Milestone: std::ops::Deref<Target = str>);
lacks!(Milestone: Into<String>);
lacks!(Milestone: PartialEq<str>);
lacks!(Milestone: std::str::FromStr);
lacks!(OracleName: AsRef<str>);
lacks!(OracleName: std::ops::Deref<Target = str>);
lacks!(OracleName: Into<String>);
lacks!(OracleName: PartialEq<str>);
lacks!(OracleName: PartialEq<&'static str>);
lacks!(OracleName: std::str::FromStr);
lacks!(FindingId: AsRef<str>);
lacks!(FindingId: std::ops::Deref<Target = str>);
lacks!(FindingId: Into<String>);
lacks!(FindingId: PartialEq<str>);
lacks!(FindingId: PartialEq<&'static str>);
