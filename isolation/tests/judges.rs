//! The checker on histories of a store that sins in one named way or not at all, beside a slow
//! checker that tries every order, and beside the crate `adya`. No engine, no threads, no clock.

#[path = "judges/brute.rs"]
mod brute;
#[path = "judges/play.rs"]
mod play;
#[path = "judges/reopening.rs"]
mod reopening;
#[path = "judges/second.rs"]
mod second;
#[path = "judges/sets.rs"]
mod sets;
#[path = "judges/sins.rs"]
mod sins;
