//! The checker and the crate `adya` on the same histories, in the same run. `adya` parses JSON
//! first; that is not measured.

use adya::{History as Theirs, Opts, Valid, Workload, check as their_check};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use isolation::{Shape, check, elle, synthetic::Synthetic};

fn compare(criterion: &mut Criterion) {
    for (name, list, shape, workload) in [
        ("registers", 0, Shape::Registers, Workload::RwRegister),
        ("lists", 8, Shape::Lists, Workload::ListAppend),
    ] {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10);
        for txns in [10_000, 100_000] {
            let history = Synthetic { txns, keys: 1_000, list, seed: 1 }.history();
            group.throughput(Throughput::Elements(u64::from(txns)));
            group.bench_function(format!("isolation/{txns}"), |bench| {
                bench.iter(|| assert!(check(&history).expect("well formed").is_clean()));
            });
            let text = elle(&history, shape).expect("well formed");
            let theirs = Theirs::from_json(&text).expect("Elle's format");
            let models = vec!["strong-snapshot-isolation".to_owned()];
            let opts = Opts { models, wfr_keys: true, ..Opts::default() };
            group.bench_function(format!("adya/{txns}"), |bench| {
                bench.iter(|| {
                    let valid = their_check(&theirs, workload, &opts).valid;
                    assert!(valid != Valid::False, "an honest history");
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, compare);
criterion_main!(benches);
