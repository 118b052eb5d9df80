//! The page in a real browser, on a phone and on a desk, in light and in dark: no message on the
//! console, no request, nothing wider than the screen, and text that can be told from its ground.

use crate::{chromium::Browser, results::Folder};
use base64::{Engine, prelude::BASE64_STANDARD};
use knobs::runtime;
use runner::report::html;
use std::{fs, path::Path};

const SCREENS: [u32; 3] = [320, 400, 1280];
const SCHEMES: [&str; 2] = ["light", "dark"];

/// How many pixels of the page stick out of the screen to the right.
const OVERFLOW: &str =
    "document.documentElement.scrollWidth - document.documentElement.clientWidth";

/// The brightness of the ground and of the text, from 0 to 255.
const BRIGHTNESS: &str = "['backgroundColor', 'color'].map(n => getComputedStyle(document.body)[n]\
    .match(/[0-9]+/g).slice(0, 3).map(Number).reduce((a, b) => a + b) / 3)";

#[expect(clippy::print_stdout, reason = "a skipped test says why")]
fn browser() -> Option<Browser> {
    let browser = Browser::start();
    if browser.is_none() {
        println!("skipped: no chromium on the PATH (Debian: apt-get install chromium)");
    }
    browser
}

#[test]
fn the_page_fits_phone_and_desk_light_and_dark() {
    let Some(mut browser) = browser() else { return };
    for (name, folder) in [("full", Folder::full()), ("empty", Folder::empty())] {
        let page = folder.path().join("page.html");
        fs::write(&page, html(&folder.read())).unwrap();
        for (width, scheme) in SCREENS.into_iter().flat_map(|w| SCHEMES.map(|s| (w, s))) {
            let complaints = browser.open(&page, width, scheme);
            assert!(complaints.is_empty(), "{name} {width} {scheme}: {complaints:#?}");
            assert_eq!(browser.evaluate(OVERFLOW), 0, "{name} {width} {scheme}: too wide");
            let brightness: [f64; 2] =
                serde_json::from_value(browser.evaluate(BRIGHTNESS)).unwrap();
            let [ground, text] = brightness;
            let is_dark = ground < 60.0 && text > 180.0;
            let is_light = ground > 200.0 && text < 80.0;
            let as_asked = if scheme == "dark" { is_dark } else { is_light };
            assert!(as_asked, "{name} {width} {scheme}: ground {ground}, text {text}");
            keep(&mut browser, &format!("{name}-{width}-{scheme}.png"));
        }
    }
}

/// Puts a picture where `MACE_PROD_INTERNAL_PICTURES` says, for whoever wants to look.
fn keep(browser: &mut Browser, name: &str) {
    let Some(folder) = runtime::internal("MACE_PROD_INTERNAL_PICTURES") else { return };
    let picture = BASE64_STANDARD.decode(browser.picture()).unwrap();
    fs::write(Path::new(&folder).join(name), picture).unwrap();
}

/// What a page needs to be laid out as wide as the screen, and to ask for no icon.
const HEAD: &str = "<!DOCTYPE html><meta name=viewport content='width=device-width'>\
    <link rel=icon href=data:,>";

#[test]
fn each_of_these_checks_can_fail() {
    let Some(mut browser) = browser() else { return };
    let folder = Folder::empty();
    let page = folder.path().join("page.html");
    let mut open = |body: &str| {
        fs::write(&page, format!("{HEAD}{body}")).unwrap();
        let complaints = browser.open(&page, 380, "light").join("\n");
        (complaints, browser.evaluate(OVERFLOW).as_f64().unwrap())
    };
    let (complaints, overflow) = open("<p>honest</p>");
    assert!(complaints.is_empty() && overflow == 0.0, "{complaints} {overflow}");
    assert!(open("<script>console.log('x')</script>").0.contains("consoleAPICalled"));
    assert!(open("<script>throw 1</script>").0.contains("exceptionThrown"));
    assert!(open("<img src=absent.png>").0.contains("asks for file://"));
    assert!(open("<div style='width:900px'>wide</div>").1 > 0.0);
}
