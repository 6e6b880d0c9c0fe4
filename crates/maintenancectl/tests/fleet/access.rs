//! Who may do what in the store: TLS, users and roles.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair,
};
use tempfile::TempDir;

use super::etcd::{Cluster, Tls};
use super::{KEY, Machine, wait_for_content, wait_until};
use crate::servers::fake::{Behaviour, Fake, one_scope, report};

/// A CA, and what it signs.
struct Ca {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![]).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// Writes NAME.pem and NAME.key for these names, and ca-NAME.pem.
    fn write(&self, folder: &Path, name: &str, names: &[&str]) -> Tls {
        let key = KeyPair::generate().expect("a key");
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let write = |name: String, text: String| {
            let path = folder.join(name);
            fs::write(&path, text).expect("written");
            path
        };
        Tls {
            ca: write(format!("ca-{name}.pem"), self.certificate.pem()),
            cert: write(format!("{name}.pem"), certificate.pem()),
            key: write(format!("{name}.key"), key.serialize_pem()),
        }
    }
}

fn lines(ca: &Path, own: Option<&Tls>) -> String {
    let own = own.map(|own| format!("cert = {:?}\ncert_key = {:?}\n", own.cert, own.key));
    format!("ca = {ca:?}\n{}", own.unwrap_or_default())
}

#[test]
fn certificates() {
    let folder = TempDir::new().expect("a folder");
    let (ca, foreign) = (Ca::new(), Ca::new());
    let server = ca.write(folder.path(), "server", &["127.0.0.1"]);
    let client = ca.write(folder.path(), "client", &["web1"]);
    let stranger = foreign.write(folder.path(), "stranger", &["127.0.0.1"]);
    let cluster = Cluster::secure(1, server.clone());
    let machine = Machine::new(&cluster.endpoints(), "", &lines(&server.ca, Some(&client)));
    machine.must("close");
    let follower = machine.follow("web1");
    wait_until(|| follower.log(), || machine.content().is_some());
    machine.must("open");
    wait_for_content(&machine, &follower, None);
    let missing = folder.path().join("missing.pem");
    let plain = cluster.endpoints().replace("https", "http");
    for (endpoints, store, code, expected) in [
        (cluster.endpoints(), lines(&server.ca, None), 3, "write cert and cert_key below [store]"),
        (
            cluster.endpoints(),
            lines(&server.ca, Some(&stranger)),
            3,
            "write cert and cert_key below [store]",
        ),
        (
            cluster.endpoints(),
            lines(&stranger.ca, Some(&client)),
            3,
            "has a certificate of a CA that this machine does not trust; write ca",
        ),
        (
            cluster.endpoints().replace("127.0.0.1", "localhost"),
            lines(&server.ca, Some(&client)),
            3,
            "has a certificate for 127.0.0.1, not for localhost",
        ),
        (plain, lines(&server.ca, Some(&client)), 3, "gives no answer"),
        (cluster.endpoints(), lines(&missing, None), 2, "cannot read ca = "),
        (cluster.endpoints(), lines(&server.key, None), 2, "has no CERTIFICATE in PEM"),
        (cluster.endpoints(), format!("cert = {:?}", client.cert), 2, "cert needs cert_key"),
    ] {
        let machine = Machine::new(&endpoints, "", &store);
        let said = machine.run("close");
        assert_eq!(said.code, Some(code), "{store}: {said:?}");
        assert!(said.err.contains(expected), "{expected}: {said:?}");
    }
    assert_eq!(machine.content(), None);
}

#[test]
fn users() {
    let cluster = Cluster::start(1);
    for line in [
        "user add root:secret",
        "user grant-role root root",
        "role add admin",
        &format!("role grant-permission admin --prefix=true readwrite {KEY}/"),
        "role add reader",
        &format!("role grant-permission reader --prefix=true read {KEY}/"),
        "user add anna:anna",
        "user grant-role anna admin",
        "user add web1:web1",
        "user grant-role web1 reader",
        "user add nobody:nobody",
        "auth enable",
    ] {
        cluster.must(line);
    }
    let machine = |user: &str, password: &str| {
        let store = format!("user = \"{user}\"\npassword_file = \"password\"");
        let machine = Machine::new(&cluster.endpoints(), "", &store);
        fs::write(machine.folder.path().join("password"), format!("{password}\n"))
            .expect("written");
        machine
    };
    let anna = machine("anna", "anna");
    anna.must("close");
    let reader = machine("web1", "web1");
    let follower = reader.follow("web1");
    wait_until(|| follower.log(), || reader.content().is_some());
    follower
        .wait_for_line("cannot report: the store refuses the report: the user web1 may not do it");
    anna.must("open");
    wait_for_content(&reader, &follower, None);
    anna.must("close");
    for (machine, words, expected) in [
        (&reader, "open --replace", "the user web1 may not do it; grant the user a role"),
        (&machine("nobody", "nobody"), "log", "the user nobody may not do it"),
        (&machine("anna", "wrong"), "log", "does not know the user anna with this password"),
        (&machine("carl", "x"), "log", "does not know the user carl with this password"),
        (&Machine::of(&cluster), "log", "it wants a user; write user and password_file"),
    ] {
        let said = machine.run(words);
        assert_eq!(said.code, Some(2), "{words}: {said:?}");
        assert!(said.err.contains(expected), "{said:?}");
    }
    // The token ends with the member, and the follower gets another one.
    cluster.kill_member(0);
    follower.wait_for_line("stays as it is");
    cluster.start_member(0);
    wait_until(|| follower.log(), || anna.run("open").code == Some(0));
    wait_for_content(&reader, &follower, None);
}

/// Tokens that end, and users that change, do not end the reports of a follower that goes on.
#[test]
fn tokens() {
    let folder = TempDir::new().expect("a folder");
    let secret = folder.path().join("secret");
    fs::write(&secret, "not for others").expect("written");
    let jwt = format!("jwt,priv-key={},sign-method=HS256,ttl=3s", secret.display());
    for options in [["--auth-token-ttl", "2"], ["--auth-token", &jwt]] {
        let cluster = Cluster::with(1, &options);
        for line in [
            "user add root:root",
            "user grant-role root root",
            "user add web1:old",
            "user grant-role web1 root",
            "auth enable",
        ] {
            cluster.must(line);
        }
        let as_root = |line: &str| {
            let output = cluster.ctl_as("root:root", line);
            assert!(output.status.success(), "{line}: {output:?}");
        };
        let fake = Fake::start(Behaviour::Answer(report(&one_scope("closed", 0))));
        let machine = |user: &str, password: &str| {
            let server = format!("[[server]]\nstatus = \"{}\"\n", fake.url());
            let store = format!("user = \"{user}\"\npassword_file = \"password\"");
            let machine = Machine::new(&cluster.endpoints(), &server, &store);
            fs::write(machine.folder.path().join("password"), password).expect("written");
            machine
        };
        let (admin, web) = (machine("root", "root"), machine("web1", "old"));
        admin.must("close");
        let follower = web.follow("web1");
        let reports = |what: &str| {
            admin.must("extend --end +1h");
            let what = || format!("{options:?} {what}: {}", follower.log());
            wait_until(what, || admin.run("is-closed").code == Some(0));
        };
        reports("at first");
        thread::sleep(Duration::from_secs(6));
        reports("after the token");
        // Such changes end the tokens of all users.
        as_root("role add other");
        as_root("user add other:other");
        reports("after a new role");
        as_root("user delete web1");
        follower.wait_for_line("the store refuses it: it does not know the user web1");
        // Another cause is said, too.
        cluster.kill_member(0);
        follower.wait_for_line("the store cannot be reached");
        cluster.start_member(0);
        wait_until(|| follower.log(), || follower.count("the store refuses it: ") > 1);
        let is_up = || cluster.ctl_as("root:root", "get x").status.success();
        wait_until(|| follower.log(), is_up);
        as_root("user add web1:new");
        as_root("user grant-role web1 root");
        fs::write(web.folder.path().join("password"), "new").expect("written");
        reports("after a new password");
    }
}
