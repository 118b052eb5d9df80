//! The fast layer beyond the contract of a single client: concurrency, eviction, collection, mixed
//! and hot traffic, recovery. Each claim is a function of a configuration family, and each family
//! in which it is tried is a case of its own.

/// Makes a module of cases out of a claim, one for each family.
macro_rules! in_families {
    ($claim:ident: $($name:ident $family:ident),+ $(,)?) => {
        mod $claim {
            $(
                #[test]
                fn $name() {
                    mace_prod::scenario::Case::run(|case| {
                        let judged = super::$claim(case, mace_prod::engine::Family::$family);
                        judged.unwrap_or_else(|verdict| verdict)
                    });
                }
            )+
        }
    };
}

#[path = "fast/concurrency.rs"]
mod concurrency;
#[path = "fast/evictor.rs"]
mod evictor;
#[path = "fast/gc.rs"]
mod gc;
#[path = "fast/hotspot.rs"]
mod hotspot;
#[path = "fast/isolation.rs"]
mod isolation;
#[path = "fast/mixed.rs"]
mod mixed;
#[path = "fast/recovery.rs"]
mod recovery;
