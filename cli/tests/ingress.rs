//! The recipes of `tests/kube/ingress`: each has a table of pages that a client on the internet fetches, with the status and
//! the Deployment whose pod answers.

use std::fs;
use std::path::Path;

use everyhop_engine::lesson::Lab;

#[test]
fn every_page_is_served_by_the_service_that_the_table_names() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/kube/ingress");
    let mut seen = 0;
    for entry in fs::read_dir(dir).expect("the recipes are there") {
        let path = entry.expect("and can be listed").path();
        if path.extension().is_none_or(|it| it != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("text");
        let lab = Lab::load(&text).unwrap_or_else(|why| panic!("{why:?}")).lab;
        let table = fs::read_to_string(path.with_extension("txt")).expect("each has its table");
        for line in table.lines() {
            let mut words = line.split_whitespace();
            let (url, status) = (words.next().expect("a URL"), words.next().expect("a status"));
            let action = lab.exchange("internet", url, None);
            let action = action.unwrap_or_else(|why| panic!("{why:?}"));
            let result = lab.run_actions(&[action]).results.remove(0);
            let what = format!("{}: {line}: {}", path.display(), result.because);
            assert_eq!(result.status.map(|it| it.to_string()).as_deref(), Some(status), "{what}");
            let served_by = result.served_by.map(|it| lab.cluster.pods[it].name.clone());
            match words.next() {
                Some(deployment) => {
                    let pod = served_by.unwrap_or_else(|| panic!("{what}"));
                    assert!(pod.starts_with(&format!("{deployment}-")), "{pod}: {what}");
                    assert!(result.because.contains("(Ingress default/"), "{what}");
                }
                None => {
                    assert_eq!(served_by, None, "{what}");
                    let reason = format!("says: {status}: ");
                    assert!(result.because.contains(&reason), "{what}");
                }
            }
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen} pages");
}
