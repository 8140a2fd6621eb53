//! The page as its readers meet it: buttons by their names, the stage by its hooks.

use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::driver::Browser;
use crate::native::Seen;
use crate::server;

/// A laptop, and a phone, in CSS pixels.
pub(crate) const LAPTOP: (u32, u32) = (1440, 900);
pub(crate) const PHONE: (u32, u32) = (390, 844);

pub(crate) struct Page {
    pub(crate) browser: Browser,
}

/// Opens a browser, lets the claim have it, and expects the page to have kept the peace: see [`Page::is_sound`].
pub(crate) fn on_page(claim: impl FnOnce(&Page)) {
    let page = Page::start();
    claim(&page);
    page.is_sound();
}

impl Page {
    pub(crate) fn start() -> Self {
        let page = Self { browser: Browser::start() };
        page.size(LAPTOP);
        page
    }

    /// Loads the page anew at this address, such as `#/lesson/pod-to-pod?step=4`, and waits until it can be driven.
    pub(crate) fn open(&self, hash: &str) {
        // The same address with another fragment alone would not load anything.
        self.browser.go("about:blank");
        self.browser.go(&format!("{}{hash}", server::address()));
        self.is_ready();
    }

    pub(crate) fn is_ready(&self) {
        self.holds("the page is ready", "return document.documentElement.dataset.ready === 'true'");
    }

    /// Loads the page again, as the reader's own reload does.
    pub(crate) fn reload(&self) {
        self.browser.reload();
        self.is_ready();
    }

    /// Changes the fragment, as a link or the address bar does.
    pub(crate) fn follow(&self, hash: &str) {
        self.browser.ask("location.hash = arguments[0]", &[json!(hash)]);
    }

    /// Waits until a script returns true.
    pub(crate) fn holds(&self, what: &str, script: &str) {
        self.browser.until(what, script, &[], |answer| answer == true);
    }

    /// Waits until a script returns this.
    pub(crate) fn gives(&self, what: &str, script: &str, expected: &Value) {
        let expected_text = format!("{what}, expected {expected:#}");
        self.browser.until(&expected_text, script, &[], |answer| answer == expected);
    }

    /// Waits until the page's visible text has this in it.
    pub(crate) fn says(&self, words: &str) {
        self.browser.until(
            &format!("the page says “{words}”"),
            "return document.body.innerText",
            &[],
            |text| text.as_str().is_some_and(|text| text.contains(words)),
        );
    }

    /// Clicks the button with this name.
    pub(crate) fn press(&self, name: &str) {
        let path = format!("//button[@aria-label=\"{name}\" or normalize-space()=\"{name}\"]");
        self.browser.click(name, By::XPath(path));
    }

    pub(crate) fn click(&self, css: &str) {
        self.browser.click(css, By::Css(css));
    }

    /// Selects an option of the list with this name.
    pub(crate) fn choose(&self, list: &str, option: &str) {
        let path = format!("//select[@aria-label='{list}']/option[normalize-space()='{option}']");
        self.browser.click(option, By::XPath(path));
    }

    pub(crate) fn open_tab(&self, name: &str) {
        self.browser.click(name, By::XPath(format!("//button[@role='tab'][.='{name}']")));
        let first = name.split(' ').next().unwrap_or_default();
        let css = format!("#tab-{}[aria-selected=true]", first.to_ascii_lowercase());
        self.holds(
            &format!("tab {name} is open"),
            &format!("return !!document.querySelector('{css}')"),
        );
    }

    /// Types keys into the page itself: nothing has the focus.
    pub(crate) fn keys(&self, key: Key) {
        self.browser.ask("document.activeElement?.blur()", &[]);
        self.browser.keys(&char::from(key).to_string());
    }

    /// Gives it a window of this size.
    pub(crate) fn size(&self, size: (u32, u32)) {
        self.browser.resize(size);
    }

    /// Pretends that the system has these preferences, such as `prefers-reduced-motion: reduce`.
    pub(crate) fn prefer(&self, preferences: &[(&str, &str)]) {
        let features: Vec<Value> =
            preferences.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        self.browser.devtools("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// Number of steps, as the stage says.
    pub(crate) fn n_steps(&self) -> usize {
        let steps = self
            .browser
            .ask("return Number(document.querySelector('[data-steps]').dataset.steps)", &[]);
        steps.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or_default()
    }

    /// The playhead, counted from 1.
    pub(crate) fn step(&self) -> usize {
        let step = self
            .browser
            .ask("return Number(document.querySelector('[data-step]').dataset.step)", &[]);
        step.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or_default()
    }

    /// Waits until the playhead is at this step.
    pub(crate) fn is_at(&self, step: usize) {
        self.gives(
            &format!("the stage shows step {step}"),
            "return document.querySelector('[data-step]').dataset.step",
            &json!(step.to_string()),
        );
    }

    /// The step at the playhead.
    pub(crate) fn seen(&self) -> Seen {
        let seen = self.browser.ask(
            "const text = css => document.querySelector(css)?.textContent ?? '';
             const packets = [...document.querySelectorAll('[data-packet]')];
             return {title: text('aside h1'), text: text('aside .text'), at: packets.map(it => it.dataset.at)};",
            &[],
        );
        let text = |name: &str| seen[name].as_str().unwrap_or_default().to_owned();
        let at = seen["at"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert!(at.len() <= 1, "more than one packet leads: {seen}");
        let at = at.first().and_then(Value::as_str).map(str::to_owned);
        Seen { title: text("title"), text: text("text"), at }
    }

    /// Every step from the first to the last, by the button.
    pub(crate) fn walk(&self) -> Vec<Seen> {
        self.keys(Key::Home);
        self.is_at(1);
        let n_steps = self.n_steps();
        let mut all = vec![self.seen()];
        for step in 2..=n_steps {
            self.press("Next step");
            self.is_at(step);
            all.push(self.seen());
        }
        all
    }

    /// The namespaces drawn, sorted.
    pub(crate) fn netns_names(&self) -> Value {
        self.browser.ask(NETNS_NAMES, &[])
    }

    /// What holds whatever a reader does: no error on the console, no panic, and nothing fetched from another host.
    pub(crate) fn is_sound(&self) {
        let crash = self.browser.ask("return document.getElementById('crash').innerText", &[]);
        assert_eq!(crash, "", "the page panicked");
        let foreign = self.browser.ask(
            "return performance.getEntriesByType('resource').map(it => it.name)
                 .filter(it => !it.startsWith(location.origin) && !it.startsWith('data:'))",
            &[],
        );
        assert_eq!(foreign, json!([]), "the page talked to another host");
        let errors = self.browser.console_errors();
        assert!(errors.is_empty(), "errors on the console:\n{}", errors.join("\n"));
    }
}

pub(crate) const NETNS_NAMES: &str =
    "return [...document.querySelectorAll('[data-netns]')].map(it => it.dataset.netns).sort()";
