//! The checker on histories of a store that defects in one named way or not at all, beside a slow
//! checker that tries every order, and beside the crate `adya`. No engine, no threads, no clock.

mod brute;
mod play;
mod reopening;
mod second;
mod sets;
mod sins;
