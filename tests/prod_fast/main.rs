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

mod concurrency;
mod evictor;
mod gc;
mod hotspot;
mod isolation;
mod mixed;
mod recovery;
