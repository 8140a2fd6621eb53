//! One driver with one browser, which end with it: Chromium, or Firefox where `EVERYHOP_BROWSER` says so. Calls wait for the
//! browser's answer. Knows no page.

use std::cell::Cell;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::{Value, json};
use thirtyfour::common::capabilities::desiredcapabilities::Capabilities;
use thirtyfour::prelude::*;
use tokio::runtime::{Builder, Runtime};

/// How long anything may take before it has failed. Long, for a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(15);

/// Which browser the tests drive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Chromium,
    /// It has no developer tools that its driver hands on: no emulated preferences, and no console to read.
    Firefox,
}

impl Kind {
    fn chosen() -> Self {
        match env::var("EVERYHOP_BROWSER").as_deref() {
            Ok("firefox") => Self::Firefox,
            Ok("chromium") | Err(_) => Self::Chromium,
            Ok(other) => panic!("EVERYHOP_BROWSER is {other}: expected chromium or firefox"),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Chromium => "Chromium",
            Self::Firefox => "Firefox",
        }
    }

    /// The driver's program, and the variable that names another.
    const fn driver(self) -> (&'static str, &'static str) {
        match self {
            Self::Chromium => ("chromedriver", "CHROMEDRIVER"),
            Self::Firefox => ("geckodriver", "GECKODRIVER"),
        }
    }
}

/// A browser with a profile of its own.
pub(crate) struct Browser {
    kind: Kind,
    runtime: Runtime,
    /// None once it has quit.
    driver: Option<WebDriver>,
    process: Child,
    /// Whether a failure has left its picture.
    pictured: Cell<bool>,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let kind = Kind::chosen();
        let (name, variable) = kind.driver();
        let program = env::var_os(variable).unwrap_or_else(|| name.into());
        let mut process = Command::new(&program)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|problem| panic!("cannot start {}: {problem}", program.display()));
        let Some(port) = port_of(&mut process) else {
            let _ = process.kill();
            panic!("{} ended before it said its port", program.display());
        };
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let url = format!("http://127.0.0.1:{port}");
        match runtime.block_on(WebDriver::new(url, capabilities(kind))) {
            Ok(driver) => {
                Self { kind, runtime, driver: Some(driver), process, pictured: false.into() }
            }
            Err(problem) => {
                let _ = process.kill();
                panic!("{} does not start: {problem}", kind.name())
            }
        }
    }

    /// What the driver answers; a panic with a picture if it refuses.
    fn wait_for<T>(
        &self,
        what: &str,
        ask: impl AsyncFnOnce(&WebDriver) -> WebDriverResult<T>,
    ) -> T {
        let driver = self.driver.as_ref().expect("it quits when it is dropped");
        self.runtime
            .block_on(ask(driver))
            .unwrap_or_else(|problem| self.fail(&format!("{what}: {problem}")))
    }

    /// Ends the test with a message and the path of a picture.
    pub(crate) fn fail(&self, message: &str) -> ! {
        panic!("{message}\n{}", self.picture())
    }

    fn picture(&self) -> String {
        self.pictured.set(true);
        let test = thread::current().name().unwrap_or("unnamed").replace("::", "-");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/browser");
        let path = folder.join(format!("{test}.png"));
        match self.take_picture(&path) {
            Ok(()) => format!("picture: {}", path.canonicalize().unwrap_or(path).display()),
            Err(problem) => format!("no picture: {problem}"),
        }
    }

    fn take_picture(&self, path: &Path) -> Result<(), String> {
        let folder = path.parent().unwrap_or(path);
        fs::create_dir_all(folder).map_err(|problem| problem.to_string())?;
        let driver = self.driver.as_ref().expect("it quits when it is dropped");
        self.runtime.block_on(driver.screenshot(path)).map_err(|problem| problem.to_string())
    }

    /// Puts a picture of the window into a file.
    pub(crate) fn keep_picture(&self, path: &Path) {
        if let Err(problem) = self.take_picture(path) {
            self.fail(&format!("{}: {problem}", path.display()));
        }
    }

    pub(crate) fn go(&self, url: &str) {
        self.wait_for(&format!("opening {url}"), async |driver| driver.goto(url).await);
    }

    pub(crate) fn reload(&self) {
        self.wait_for("reloading", async |driver| driver.refresh().await);
    }

    /// What a script returns, with `arguments` at hand.
    pub(crate) fn ask(&self, script: &str, arguments: &[Value]) -> Value {
        self.wait_for(script, async |driver| {
            Ok(driver.execute(script, arguments).await?.json().clone())
        })
    }

    /// What a script hands to the function that is its last argument.
    pub(crate) fn ask_later(&self, script: &str) -> Value {
        self.wait_for(script, async |driver| {
            Ok(driver.execute_async(script, Vec::new()).await?.json().clone())
        })
    }

    /// Asks until the answer is accepted, and returns it; fails in the words of `what`.
    pub(crate) fn until(
        &self,
        what: &str,
        script: &str,
        arguments: &[Value],
        accept: impl Fn(&Value) -> bool,
    ) -> Value {
        let started = Instant::now();
        loop {
            let answer = self.ask(script, arguments);
            if accept(&answer) {
                return answer;
            }
            if started.elapsed() > PATIENCE {
                let answer = format!("{answer:#}");
                let shown: String = answer.chars().take(2000).collect();
                self.fail(&format!("{what}: not so after {PATIENCE:?}; {script} gave {shown}"));
            }
            thread::sleep(POLL);
        }
    }

    /// Scrolls there and clicks: what covers the element would get the click, and that is a failure.
    pub(crate) fn click(&self, what: &str, by: By) {
        self.wait_for(&format!("clicking {what}"), async |driver| {
            let element = driver.find(by).await?;
            element.scroll_into_view().await?;
            element.click().await
        });
    }

    /// Clicks where the element is, whatever else is there.
    pub(crate) fn click_at(&self, what: &str, by: By) {
        self.wait_for(&format!("clicking at {what}"), async |driver| {
            let element = driver.find(by).await?;
            driver.action_chain().click_element(&element).perform().await
        });
    }

    /// Presses the mouse there, moves it by so many CSS pixels, and lets go.
    pub(crate) fn drag(&self, what: &str, by: By, (x, y): (i64, i64)) {
        self.wait_for(&format!("dragging {what}"), async |driver| {
            let element = driver.find(by).await?;
            let chain = driver.action_chain().click_and_hold_element(&element);
            chain.move_by_offset(x, y).release().perform().await
        });
    }

    /// Types into what has the focus.
    pub(crate) fn keys(&self, keys: &str) {
        self.wait_for("typing", async |driver| {
            driver.action_chain().send_keys(keys).perform().await
        });
    }

    /// Presses a key while another is held.
    pub(crate) fn chord(&self, held: Key, key: char) {
        self.wait_for("typing", async |driver| {
            let chain = driver.action_chain().key_down(held.clone()).send_keys(key.to_string());
            chain.key_up(held).perform().await
        });
    }

    /// A command of Chrome's developer tools.
    pub(crate) fn devtools(&self, method: &str, parameters: Value) -> Value {
        self.wait_for(method, async |driver| driver.cdp().send_raw(method, parameters).await)
    }

    /// Gives the page a window of this size in CSS pixels; Chromium one without a scroll bar's width taken from it.
    pub(crate) fn resize(&self, (width, height): (u32, u32)) {
        if self.kind == Kind::Chromium {
            self.devtools(
                "Emulation.setDeviceMetricsOverride",
                json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}),
            );
            return;
        }
        // What is around the page is known once there is a window.
        let set = |width: u32, height: u32| {
            self.wait_for("a window's size", async |driver| {
                driver.set_window_rect(0, 0, width, height).await
            });
        };
        set(width, height);
        let frame = self.ask("return [outerWidth - innerWidth, outerHeight - innerHeight]", &[]);
        let more =
            |at: usize| frame[at].as_u64().and_then(|it| u32::try_from(it).ok()).unwrap_or(0);
        set(width + more(0), height + more(1));
    }

    /// Errors on the console since the last call, where they can be read.
    pub(crate) fn console_errors(&self) -> Vec<String> {
        if self.kind == Kind::Firefox {
            return Vec::new();
        }
        let entries = self.wait_for("the console", async |driver| driver.browser_log().await);
        let errors = entries.into_iter().filter(|entry| entry.level == "SEVERE");
        errors.map(|entry| entry.message).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if thread::panicking() && !self.pictured.get() {
            eprintln!("{}", self.picture());
        }
        if let Some(driver) = self.driver.take() {
            // Chromedriver ends either way, and Chromium with it.
            let _ = self.runtime.block_on(driver.quit());
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The port that the driver chose, from what it prints.
fn port_of(process: &mut Child) -> Option<u16> {
    let mut lines = BufReader::new(process.stdout.take()?).lines();
    let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let chromium = line.split_once("started successfully on port ");
        let (_, port) = chromium.or_else(|| line.split_once("Listening on 127.0.0.1:"))?;
        port.trim_end_matches('.').parse().ok()
    });
    // A pipe that nobody reads would fill up and stop it.
    thread::spawn(move || lines.for_each(drop));
    port
}

/// The same flags as for the engine's tests in the browser, and the console's log.
fn capabilities(kind: Kind) -> Capabilities {
    let mut wanted: serde_json::Map<String, Value>;
    match kind {
        Kind::Chromium => {
            let text = include_str!("../../webdriver.json");
            wanted = serde_json::from_str(text).expect("webdriver.json is a JSON object");
            wanted.insert("browserName".into(), json!("chrome"));
            wanted.insert("goog:loggingPrefs".into(), json!({"browser": "ALL"}));
        }
        Kind::Firefox => {
            wanted = serde_json::Map::new();
            wanted.insert("browserName".into(), json!("firefox"));
            wanted.insert("moz:firefoxOptions".into(), json!({"args": ["-headless"]}));
        }
    }
    wanted.into()
}

/// A file that `cargo xtask test` names in the environment.
pub(crate) fn file_named_by(variable: &str) -> String {
    let path = env::var_os(variable).map(PathBuf::from);
    let path = path.unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test`"));
    fs::read_to_string(&path)
        .unwrap_or_else(|problem| panic!("{variable}: {}: {problem}", path.display()))
}
