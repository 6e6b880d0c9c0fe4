//! The playbook and the manifest beside the documents: they are what the documents say, and what
//! the module reports.

use super::*;

fn example(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).expect(name)
}

/// The lines of the YAML in a document are in the manifest, in this order.
#[test]
fn manifest() {
    let manifest = example("kubernetes/maintenance.yaml");
    for Block { place, text, .. } in blocks("yaml") {
        if !place.starts_with("docs/kubernetes.md") {
            continue;
        }
        let mut lines = manifest.lines().map(str::trim);
        for line in text.lines() {
            assert!(lines.any(|it| it == line.trim()), "{place}: {line}");
        }
    }
    let document = example("kubernetes.md");
    for setting in ["/var/lib/maintenance/maintenance.flag", "/healthz"] {
        assert!(document.contains(&format!(" {setting}\n")), "{setting}");
        let name = setting.trim_end_matches("/maintenance.flag");
        assert!(manifest.contains(&format!(": {name}\n")), "{name}");
    }
}

/// What the documents tell the playbook to do, it knows, and it waits for states that there are.
#[test]
fn playbook() {
    let playbook = example("ansible/maintenance.yml");
    let all = |pattern: &str, text: &str| -> BTreeSet<String> {
        let pattern = Regex::new(pattern).expect("a pattern");
        pattern.captures_iter(text).map(|it| it[1].to_owned()).collect()
    };
    let told = all(r"-e do=(\w+)", &example("fleet-without-etcd.md"));
    let known = all(r"do in \[([^\]]+)\]", &playbook);
    let known = known.iter().max_by_key(|list| list.len()).expect("a list");
    assert_eq!(told, all(r"'(\w+)'", known));
    let schema: Value =
        serde_json::from_str(&example("maintenance-status.schema.json")).expect("JSON");
    let states = &schema["$defs"]["flag"]["properties"]["state"]["enum"];
    let states: Vec<_> = states.as_array().expect("states").iter().collect();
    let waited = all(r"(?m)^      (?:announce|close|open): \[(.+)\]$", &playbook);
    assert_eq!(waited.len(), 3, "{waited:?}");
    for state in waited.iter().flat_map(|list| list.split(", ")) {
        assert!(states.iter().any(|it| *it == state), "{state}");
    }
    let inventory = example("ansible/inventory.ini");
    for name in all(r"\b(maintenance_[a-z]+)\b", &playbook) {
        assert!(inventory.contains(&format!("{name}=")), "{name}");
    }
}
