//! The page as a reader meets it: from made-up results of every kind to the rendered text, and in a
//! real browser where there is one. One binary; each theme has a module.

#[path = "page/browser.rs"]
mod browser;
#[path = "page/chromium.rs"]
mod chromium;
#[path = "page/results.rs"]
mod results;
#[path = "page/texts.rs"]
mod texts;
