//! Scenes for the oracle of isolation alone: real threads, through the driver that the cases use, over
//! scanned values, lists and sets.

use crate::stage::{Outcome, Play, Stage, open};
use mace_prod::{
    history::clients::Traffic,
    workload::{Lists, Mix, Source},
};

fn worked(play: Play, source: Source, reopenings: u32) -> Outcome {
    let mut stage = Stage::new(play, None);
    stage.process(|engine, recorder| {
        let bucket = open(engine, "b", recorder);
        let traffic = Traffic { first_client: 0, clients: 3, source, txns: 15 };
        traffic.run("b", bucket.as_ref(), recorder, play.seed);
    });
    for _ in 0..reopenings {
        stage.process(|_, _| ());
    }
    stage.judged()
}

/// Clients that scan most of the time; nothing is removed, so that each absence is known. Without a
/// reopening: a state that is read by such scans would be torn, which is graver.
pub(crate) fn scanning(play: Play) -> Outcome {
    let weights = [10, 40, 50, 0, 0, 0, 0];
    let mix = Mix { keys: 12, lengths: vec![40], weights, ..Mix::default() };
    worked(play, Source::Mix(mix), 0)
}

/// Clients that append to lists and add to sets.
pub(crate) fn lists(play: Play) -> Outcome {
    worked(play, Source::Lists(Lists::of(3)), 2)
}
