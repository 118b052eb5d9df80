//! A real browser without a window, driven over a pipe by its own protocol. Found on the `PATH`;
//! who asks for it has to say what to do where there is none.

use serde_json::{Value, json};
use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A running browser with one page open.
pub(crate) struct Browser {
    child: Child,
    orders: File,
    answers: BufReader<File>,
    session: String,
    next: u64,
    /// Events in the order in which they came.
    events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    /// Starts it; `None` when this machine has none.
    pub(crate) fn start() -> Option<Self> {
        let runs = |name: &&&str| {
            Command::new(name).arg("--version").output().is_ok_and(|it| it.status.success())
        };
        let name = NAMES.iter().find(runs)?;
        let profile = tempfile::tempdir().unwrap();
        let pipes = ["orders", "answers"].map(|name| profile.path().join(name));
        for pipe in &pipes {
            assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
        }
        // The browser takes orders on descriptor 3 and answers on 4; a shell can connect them.
        let script = "exec \"$1\" --headless=new --no-sandbox --disable-gpu --no-first-run \
            --disable-background-networking --disable-component-update --disable-extensions \
            --user-data-dir=\"$2\" --remote-debugging-pipe about:blank 3<\"$3\" 4>\"$4\"";
        let child = Command::new("sh")
            .args(["-c", script, "browser", name])
            .arg(profile.path().join("profile"))
            .args(&pipes)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let orders = OpenOptions::new().write(true).open(&pipes[0]).unwrap();
        let answers = BufReader::new(File::open(&pipes[1]).unwrap());
        let mut browser = Self {
            child,
            orders,
            answers,
            session: String::new(),
            next: 0,
            events: Vec::new(),
            _profile: profile,
        };
        let target = browser.ask("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.ask("Target.attachToTarget", &attach);
        attached["sessionId"].as_str().unwrap().clone_into(&mut browser.session);
        for domain in ["Page", "Network", "Runtime", "Log"] {
            browser.ask(&format!("{domain}.enable"), &json!({}));
        }
        Some(browser)
    }

    /// Gives an order and waits for its answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.next += 1;
        let mut order = json!({ "id": self.next, "method": method, "params": params });
        if !self.session.is_empty() {
            order["sessionId"] = json!(self.session);
        }
        self.orders.write_all(format!("{order}\0").as_bytes()).unwrap();
        loop {
            let message = self.receive();
            if message["id"] == self.next {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    fn receive(&mut self) -> Value {
        let mut message = Vec::new();
        self.answers.read_until(0, &mut message).unwrap();
        assert_eq!(message.pop(), Some(0), "the browser has gone");
        serde_json::from_slice(&message).unwrap()
    }

    /// Opens a file as a screen of `width` pixels in a scheme would show it, and waits until it is
    /// laid out. Returns what went wrong meanwhile: messages, exceptions, requests.
    pub(crate) fn open(&mut self, page: &Path, width: u32, scheme: &str) -> Vec<String> {
        let metrics =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.ask("Emulation.setDeviceMetricsOverride", &metrics);
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.ask("Emulation.setEmulatedMedia", &json!({ "features": [feature] }));
        self.events.clear();
        let url = format!("file://{}", page.display());
        self.ask("Page.navigate", &json!({ "url": url }));
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.receive();
            self.events.push(event);
        }
        // Two frames later whatever the page started by itself has shown.
        self.evaluate("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))");
        self.events.iter().filter_map(|event| complaint(event, &url)).collect()
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let params =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.ask("Runtime.evaluate", &params);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// A picture of the whole page, as a PNG in base 64.
    pub(crate) fn picture(&mut self) -> String {
        let params = json!({ "format": "png", "captureBeyondViewport": true });
        self.ask("Page.captureScreenshot", &params)["data"].as_str().unwrap().to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked to close, it ends its children too; killed, it might leave them.
        let _ = self.orders.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let _ = self.child.wait();
    }
}

/// What is wrong about an event, if anything is.
fn complaint(event: &Value, url: &str) -> Option<String> {
    match event["method"].as_str()? {
        "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded" => {
            Some(event.to_string())
        }
        "Network.requestWillBeSent" => {
            let asked = event["params"]["request"]["url"].as_str()?;
            (asked != url && !asked.starts_with("data:")).then(|| format!("asks for {asked}"))
        }
        _ => None,
    }
}
