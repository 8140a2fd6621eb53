//! Version numbers: in what tools print about themselves, and in the workspace's manifest.

use std::fmt;

/// `0.2.128`, or `132`: numbers only, because no pre-release is ever the right tool.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Version(Vec<u64>);

impl Version {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>().map(Self)
    }

    /// The first word that is a version: of `trunk 0.21.14`, of `wasm-opt version 132 (version_132)`.
    pub(crate) fn find(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(Self::parse)
    }

    /// The version a manifest pins a dependency to with `=`. None where it leaves a choice.
    pub(crate) fn pinned(manifest: &str, dependency: &str) -> Option<Self> {
        manifest.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            let (_, version) = value.split_once("\"=")?;
            let (version, _) = version.split_once('"')?;
            (key.trim() == dependency).then(|| Self::parse(version))?
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u64::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

/// Which versions of a tool will do.
#[derive(Debug)]
pub(crate) enum Wanted {
    Exactly(Version),
    AtLeast(Version),
}

impl Wanted {
    pub(crate) fn accepts(&self, version: &Version) -> bool {
        match self {
            Self::Exactly(wanted) => version == wanted,
            Self::AtLeast(wanted) => version >= wanted,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(version) => version.fmt(f),
            Self::AtLeast(version) => write!(f, "{version} or later"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).expect("the test names a version")
    }

    #[test]
    fn a_tool_says_its_version_in_its_own_way() {
        for (printed, expected) in [
            ("trunk 0.21.14\n", "0.21.14"),
            ("wasm-bindgen 0.2.128 (4a5c9d1)", "0.2.128"),
            ("wasm-opt version 132 (version_132)\n", "132"),
            ("cargo-deny 0.20.2", "0.20.2"),
        ] {
            assert_eq!(Version::find(printed), Some(version(expected)), "{printed}");
        }
    }

    #[test]
    fn words_and_pre_releases_are_no_versions() {
        for printed in ["", "command not found", "trunk 0.22.0-beta.1", "1.", ".", "v"] {
            assert_eq!(Version::find(printed), None, "{printed}");
        }
    }

    #[test]
    fn versions_compare_by_number_not_by_letter() {
        assert!(version("0.2.128") > version("0.2.99"));
        assert!(version("132") > version("99.9"));
        assert!(Wanted::AtLeast(version("132")).accepts(&version("133")));
        assert!(!Wanted::AtLeast(version("132")).accepts(&version("108")));
        assert!(!Wanted::Exactly(version("0.2.128")).accepts(&version("0.2.129")));
    }

    #[test]
    fn a_pin_is_read_from_the_manifest() {
        let manifest = "
            wasm-bindgen-test = \"=0.3.78\"
            wasm-bindgen = \"=0.2.128\" # the pin
            yew = { version = \"=0.23.0\", features = [\"csr\"] }
            indexmap = \"2\"";
        assert_eq!(Version::pinned(manifest, "wasm-bindgen"), Some(version("0.2.128")));
        assert_eq!(Version::pinned(manifest, "yew"), Some(version("0.23.0")));
        assert_eq!(Version::pinned(manifest, "indexmap"), None);
        assert_eq!(Version::pinned(manifest, "gloo"), None);
    }

    #[test]
    fn the_workspace_pins_wasm_bindgen() {
        let manifest = include_str!("../../Cargo.toml");
        assert!(Version::pinned(manifest, "wasm-bindgen").is_some());
    }
}
