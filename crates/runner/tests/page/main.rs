//! The page as a reader meets it: from made-up results of every kind to the rendered text, and in a
//! real browser where there is one. One binary; each theme has a module.

mod browser;
mod chromium;
mod results;
mod texts;
