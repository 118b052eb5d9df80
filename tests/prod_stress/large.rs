//! Databases of the size that users have, on a disk: nightly, since they take gigabytes and minutes.

use mace_prod::{
    engine::{BucketOptions, EngineOptions, under_test},
    scenario::{Case, large::Large},
    settings::Settings,
    verdict::Verdict,
};

const GIB: u64 = 1 << 30;

/// Nothing waits for a disk's sync, and collection comes when it is asked for.
fn options() -> EngineOptions {
    EngineOptions { durable: false, collect_every_ms: None, ..EngineOptions::default() }
}

#[track_caller]
fn is_kept(large: &Large) {
    Case::run(|case| {
        let settings = Settings::get();
        if !settings.large {
            return case.skip("it takes gigabytes and minutes: MACE_PROD_LARGE=1");
        }
        let base = settings.artifacts.parent().unwrap_or(&settings.artifacts);
        std::fs::create_dir_all(base).expect("the folder of results takes folders");
        match large.lacks(base).and_then(|lacks| match lacks {
            Some(lacks) => Ok(case.skip(&lacks)),
            None => large.judge(under_test::driver(), base, &mut case.figures),
        }) {
            Ok(verdict) => verdict,
            Err(error) => Verdict::Crashed(error.to_string()),
        }
    });
}

/// A leaf holds 64 keys at the most, so there are more than 65,536 of them: what the first level of the
/// page map holds.
#[test]
fn stress_large_page_map_keeps_every_key() {
    is_kept(&Large {
        keys: 4_500_000,
        value_bytes: 40,
        options: options(),
        bucket: BucketOptions {
            split_keys: 64,
            consolidate_deltas: 32,
            cache_bytes: 256 << 20,
            ..BucketOptions::default()
        },
        room: 6 * GIB,
    });
}

/// Four gibibytes of values, and caches of sixty-four mebibytes.
#[test]
fn stress_large_values_beyond_the_caches_are_kept() {
    is_kept(&Large {
        keys: 1 << 20,
        value_bytes: 4096,
        options: EngineOptions { lru_bytes: 64 << 20, ..options() },
        bucket: BucketOptions { cache_bytes: 64 << 20, ..BucketOptions::default() },
        room: 16 * GIB,
    });
}
