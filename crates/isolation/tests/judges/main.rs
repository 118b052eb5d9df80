//! The checker on histories of a store with one named defect or none, compared with a slow checker
//! that tries every order, and with the crate `adya`. No engine, no threads, no clock.

mod brute;
mod levels;
mod play;
mod reopening;
mod second;
mod sets;
mod sins;
mod store;
