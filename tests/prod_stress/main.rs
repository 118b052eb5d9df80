//! The stress layer: the fast layer's themes for longer, on databases that age. The number of
//! rounds and workers comes from the `MACE_PROD_*` knobs where there is one.

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

/// A quarter of the documented gigabyte.
#[test]
fn stress_long_pairs_are_kept() {
    use mace_prod::{
        engine::{Family, mace::MaceDriver},
        scenario::{Case, pairs::are_kept},
    };
    Case::run(|case| are_kept(case, &MaceDriver, Family::Defaults, &[64 << 20, 256 << 20]));
}

mod buckets;
mod crashes;
mod evictor;
mod gc;
mod hotspot;
mod isolation;
