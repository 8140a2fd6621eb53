//! The traces of the page's labs, byte for byte. `UPDATE_GOLDEN=1` writes them anew: read the difference.

use std::path::Path;

use everyhop_tests::golden;

#[test]
fn every_lab_of_the_page_gives_the_trace_that_is_checked_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    for lab in golden::ALL {
        let trace = lab.run();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(folder.join(lab.name).with_extension("trace"), trace)
                .expect("the folder is writable");
        } else {
            assert_eq!(trace, lab.trace, "{}", lab.name);
        }
    }
}
