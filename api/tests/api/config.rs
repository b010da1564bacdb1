//! Settings: what the environment must say, and how its mistakes are told.

use api::{
    config::{Config, Mode},
    seal::Keyring,
};
use std::net::Ipv6Addr;

type Variables<'a> = &'a [(&'a str, &'a str)];

fn load(variables: Variables<'_>) -> Result<Mode, Vec<String>> {
    let lookup = |name: &str| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Config::load(&lookup).map_err(|mistakes| mistakes.0)
}

#[track_caller]
fn refused(variables: Variables<'_>) -> Vec<String> {
    match load(variables) {
        Err(mistakes) => mistakes,
        Ok(mode) => panic!("accepted: {mode:?}"),
    }
}

#[track_caller]
fn production(variables: Variables<'_>) -> Config {
    match load(variables).unwrap() {
        Mode::Production(config) => *config,
        Mode::Local(settings) => panic!("local mode: {settings:?}"),
    }
}

/// The names in front of the mistakes, each once.
fn names(mistakes: &[String]) -> Vec<&str> {
    let mut names: Vec<_> = mistakes
        .iter()
        .filter_map(|mistake| mistake.split(' ').next())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

const DATABASE: (&str, &str) = ("DATABASE_URL", "postgres://u:p@db.example.org/tutoring");
const PUBLIC: (&str, &str) = ("PUBLIC_URL", "https://book.example.org");
const OFF: (&str, &str) = ("SIGN_IN", "off");

/// What is enough for production, with more variables after it.
fn enough(more: Variables<'_>) -> Vec<(&str, &str)> {
    // The first of a name is the one that is read.
    let mut all = more.to_vec();
    all.extend([DATABASE, PUBLIC, OFF]);
    all
}

#[test]
fn with_nothing_set_the_server_brings_its_own_everything() {
    assert!(matches!(load(&[]), Ok(Mode::Local(_))));
    let chosen = [("BIND", "[::1]:8080"), ("DATA_DIR", "/tmp/x")];
    assert!(matches!(load(&chosen), Ok(Mode::Local(_))));
}

/// Half a configuration is a mistake, and not a wish for demo data.
#[test]
fn a_production_variable_that_is_present_but_empty_keeps_the_server_out_of_the_local_mode() {
    for name in [
        "DATABASE_URL",
        "ENCRYPTION_KEYS",
        "GOOGLE_CALENDAR_URL",
        "GOOGLE_CLIENT_ID",
        "GOOGLE_CLIENT_SECRET",
        "K_SERVICE",
        "OIDC_ISSUER",
        "PUBLIC_URL",
        "SIGN_IN",
    ] {
        let mistakes = load(&[(name, "")]).unwrap_err().join("\n");
        assert!(
            mistakes.contains("DATABASE_URL is missing"),
            "{name}: {mistakes}"
        );
    }
}

#[test]
fn anything_that_speaks_for_production_makes_every_missing_variable_be_named_at_once() {
    let needed = [
        "DATABASE_URL",
        "ENCRYPTION_KEYS",
        "GOOGLE_CLIENT_ID",
        "GOOGLE_CLIENT_SECRET",
        "PUBLIC_URL",
    ];
    for hint in [
        ("K_SERVICE", "tutoring"),
        ("PORT", "8080"),
        ("BIND", "0.0.0.0:8080"),
        ("BIND", "[::]:8080"),
    ] {
        assert_eq!(names(&refused(&[hint])), needed, "{hint:?}");
    }
    assert_eq!(names(&refused(&[DATABASE])), needed[1..]);
}

#[test]
fn without_sign_in_neither_a_google_client_nor_a_key_is_needed() {
    let config = production(&enough(&[]));
    assert!(config.google.is_none());
    assert_eq!(config.server.bind.to_string(), "127.0.0.1:8080");
}

#[test]
fn with_sign_in_a_google_client_and_a_key_are_needed() {
    let keys = Keyring::generate();
    let all = [
        DATABASE,
        PUBLIC,
        ("GOOGLE_CLIENT_ID", "id"),
        ("GOOGLE_CLIENT_SECRET", "secret"),
        ("ENCRYPTION_KEYS", keys.as_str()),
    ];
    let google = production(&all).google.unwrap();
    assert_eq!(google.issuer.as_str(), "https://accounts.google.com/");
    for (at, (name, _)) in all.iter().enumerate().skip(1) {
        let mut fewer = all.to_vec();
        fewer.remove(at);
        assert_eq!(names(&refused(&fewer)), [*name]);
    }
}

/// Production with Google, and these.
fn with_google<'a>(key: &'a str, more: Variables<'a>) -> Vec<(&'a str, &'a str)> {
    let client = [("GOOGLE_CLIENT_ID", "id"), ("GOOGLE_CLIENT_SECRET", "x")];
    let mut all = more.to_vec();
    all.extend([DATABASE, PUBLIC, ("ENCRYPTION_KEYS", key)]);
    all.extend(client);
    all
}

const HERE: (&str, &str) = ("PUBLIC_URL", "http://127.0.0.1:8080");
const STAND_IN: (&str, &str) = ("GOOGLE_CALENDAR_URL", "http://127.0.0.1:8081");

#[test]
fn google_tells_of_changes_where_it_reaches_the_server_unless_it_is_not_to() {
    let keys = Keyring::generate();
    let address = |more: Variables<'_>| {
        let config = production(&with_google(&keys, more));
        config.google.unwrap().push_address.map(String::from)
    };
    let (on, off) = (("CALENDAR_PUSH", "on"), ("CALENDAR_PUSH", "off"));
    let public = Some("https://book.example.org/v1/calendar/notifications".to_owned());
    assert_eq!(address(&[]), public);
    assert_eq!(address(&[on]), public);
    assert_eq!(address(&[off]), None);
    assert_eq!(address(&[HERE]), None);
    let here = Some("http://127.0.0.1:8080/v1/calendar/notifications".to_owned());
    assert_eq!(address(&[HERE, STAND_IN]), here);
    assert_eq!(address(&[HERE, STAND_IN, on]), here);
    assert_eq!(address(&[HERE, STAND_IN, off]), None);
    for wrong in [&[("CALENDAR_PUSH", "yes")][..], &[HERE, on]] {
        let mistakes = refused(&with_google(&keys, wrong));
        assert_eq!(names(&mistakes), ["CALENDAR_PUSH"]);
    }
    let local = ("PUBLIC_URL", "https://localhost:8443");
    assert_eq!(address(&[local]), None);
}

const SCHOOL: [(&str, &str); 5] = [
    ("OIDC_PROVIDERS", "my-school"),
    ("OIDC_MY_SCHOOL_NAME", "My School"),
    ("OIDC_MY_SCHOOL_ISSUER", "https://id.school.edu/realms/main"),
    ("OIDC_MY_SCHOOL_CLIENT_ID", "tutoring"),
    ("OIDC_MY_SCHOOL_CLIENT_SECRET", "hush-school"),
];

/// Production with a provider beside Google, and these.
fn with_school<'a>(
    key: &'a str,
    more: &[(&'static str, &'static str)],
) -> Vec<(&'static str, &'a str)> {
    let mut all = vec![DATABASE, PUBLIC, ("ENCRYPTION_KEYS", key)];
    all.extend(SCHOOL);
    for (name, value) in more {
        all.retain(|(other, _)| other != name);
        all.push((name, value));
    }
    all
}

#[test]
fn with_another_provider_google_is_optional() {
    let keys = Keyring::generate();
    let config = production(&with_school(
        &keys,
        &[("SIGN_UP_DOMAINS", " School.edu, b.org")],
    ));
    assert!(config.google.is_none());
    let [school] = config.sign_in.providers.as_slice() else {
        panic!("{:?}", config.sign_in);
    };
    assert_eq!(
        (school.id.as_str(), school.name.as_str()),
        ("my-school", "My School")
    );
    assert_eq!(school.issuer.path(), "/realms/main");
    assert_eq!(config.sign_in.sign_up_domains, ["school.edu", "b.org"]);
    assert!(!format!("{config:?}").contains("hush-school"));

    let google = [("GOOGLE_CLIENT_ID", "id"), ("GOOGLE_CLIENT_SECRET", "x")];
    let config = production(&with_school(&keys, &google));
    assert!(config.google.is_some());
    // Half of a client, or insisting on one, is a mistake all the same.
    for (more, missing) in [
        (("GOOGLE_CLIENT_ID", "id"), 1),
        (("GOOGLE_CLIENT_SECRET", "x"), 1),
        (("SIGN_IN", "google"), 2),
    ] {
        let mistakes = refused(&with_school(&keys, &[more]));
        assert_eq!(mistakes.len(), missing, "{mistakes:?}");
    }
    let config = production(&with_school(&keys, &[("SIGN_IN", "off")]));
    assert!(config.google.is_none() && config.sign_in.providers.is_empty());
}

#[test]
fn everything_about_a_provider_must_be_given_and_good() {
    let keys = Keyring::generate();
    for (name, _) in SCHOOL.iter().skip(1) {
        let mistakes = refused(&with_school(&keys, &[(name, "")]));
        assert_eq!(names(&mistakes), [*name]);
    }
    for issuer in [
        "id.school.edu",
        "http://id.school.edu",
        "ftp://127.0.0.1",
        "http://127.0.0.1.evil.example",
    ] {
        let mistakes = refused(&with_school(&keys, &[("OIDC_MY_SCHOOL_ISSUER", issuer)]));
        assert_eq!(names(&mistakes), ["OIDC_MY_SCHOOL_ISSUER"], "{issuer}");
    }
    for issuer in [
        "http://127.0.0.1:3000",
        "http://localhost:3000/realms/a",
        "http://[::1]:1",
    ] {
        production(&with_school(&keys, &[("OIDC_MY_SCHOOL_ISSUER", issuer)]));
    }
    for ids in [
        "My-School",
        "my_school",
        "google",
        "my-school,my-school",
        "my-school,,",
        "my-school,a/b",
        "a-provider-whose-id-is-long",
    ] {
        let mistakes = refused(&with_school(&keys, &[("OIDC_PROVIDERS", ids)]));
        assert!(
            names(&mistakes).contains(&"OIDC_PROVIDERS"),
            "{ids}: {mistakes:?}"
        );
    }
    for domains in [
        "school",
        "@school.edu",
        "*.edu",
        "school.edu,,b.org",
        "a@b.edu",
        ".edu",
    ] {
        let mistakes = refused(&with_school(&keys, &[("SIGN_UP_DOMAINS", domains)]));
        assert_eq!(names(&mistakes), ["SIGN_UP_DOMAINS"], "{domains}");
    }
    let name = [("OIDC_MY_SCHOOL_NAME", "a\nb")];
    assert_eq!(
        names(&refused(&with_school(&keys, &name))),
        ["OIDC_MY_SCHOOL_NAME"]
    );
}

#[test]
fn no_two_providers_share_an_issuer() {
    let keys = Keyring::generate();
    let all = [
        ("GOOGLE_CLIENT_ID", "id"),
        ("GOOGLE_CLIENT_SECRET", "x"),
        ("OIDC_MY_SCHOOL_ISSUER", "https://accounts.google.com"),
    ];
    let mistakes = refused(&with_school(&keys, &all));
    assert_eq!(names(&mistakes), ["OIDC_MY_SCHOOL_ISSUER"]);
    // A slash more does not make it another one.
    let again = [
        ("OIDC_PROVIDERS", "my-school,b"),
        ("OIDC_B_NAME", "B"),
        ("OIDC_B_ISSUER", "https://id.school.edu/realms/main/"),
        ("OIDC_B_CLIENT_ID", "b"),
        ("OIDC_B_CLIENT_SECRET", "b"),
    ];
    let mistakes = refused(&with_school(&keys, &again));
    assert_eq!(names(&mistakes), ["OIDC_B_ISSUER"]);
}

#[test]
fn providers_can_be_tried_in_the_local_mode() {
    let Ok(Mode::Local(settings)) = load(&SCHOOL) else {
        panic!("not the local mode");
    };
    let shown = format!("{settings:?}");
    assert!(
        shown.contains("My School") && !shown.contains("hush-school"),
        "{shown}"
    );
    let mistakes = refused(&[("OIDC_PROVIDERS", "google")]);
    assert_eq!(names(&mistakes), ["OIDC_PROVIDERS"]);
}

#[test]
fn a_secret_is_never_shown() {
    let keys = Keyring::generate();
    let all = [
        DATABASE,
        PUBLIC,
        ("GOOGLE_CLIENT_ID", "id"),
        ("GOOGLE_CLIENT_SECRET", "hush-hush"),
        ("ENCRYPTION_KEYS", keys.as_str()),
    ];
    let shown = format!("{:?}", production(&all));
    let key = keys.split_once(':').unwrap().1;
    for secret in ["hush-hush", key, "u:p@"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn the_port_of_cloud_run_wins_and_means_all_interfaces() {
    let config = production(&enough(&[("PORT", "9090"), ("BIND", "127.0.0.1:1")]));
    assert_eq!(config.server.bind.to_string(), "0.0.0.0:9090");
}

#[test]
fn an_address_of_ip_version_6_is_listened_on() {
    let config = production(&enough(&[("BIND", "[::1]:8080")]));
    assert_eq!(config.server.bind.ip(), Ipv6Addr::LOCALHOST);
    assert_eq!(
        api::config::at(config.server.bind).as_str(),
        "http://[::1]:8080/"
    );
}

#[test]
fn every_bad_value_is_told_with_the_name_of_its_variable() {
    let bad = [
        ("BIND", "8080"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PUBLIC_URL", "book.example.org"),
        ("PUBLIC_URL", "https://book.example.org/app"),
        ("PUBLIC_URL", "https://book.example.org/?a=b"),
        ("PUBLIC_URL", "https://book.example.org/#a"),
        ("PUBLIC_URL", "https://u:p@book.example.org"),
        ("PUBLIC_URL", "ftp://book.example.org"),
        ("MAX_CONNECTIONS", "0"),
        ("MAX_CONNECTIONS", "65536"),
        ("SHUTDOWN_GRACE_SECONDS", "0"),
        ("SHUTDOWN_GRACE_SECONDS", "301"),
        ("SESSION_DAYS", "0"),
        ("SESSION_DAYS", "366"),
        ("DATABASE_URL", "mysql://u:p@db.example.org/tutoring"),
        ("DATABASE_URL", "postgres://u:p@/tutoring?host=/cloudsql/x"),
        ("DATABASE_MAX_CONNECTIONS", "0"),
        ("DATABASE_MAX_CONNECTIONS", "501"),
        ("MIGRATE_ON_START", "yes"),
        ("SIGN_IN", "no"),
        ("RANK_LOAD", "-1"),
        ("RANK_LOAD", "1001"),
        ("RANK_CONTINUITY", "much"),
        ("AUDIT_DAYS", "0"),
        ("AUDIT_DAYS", "3651"),
        ("TIME_ZONE", "Europe/Atlantis"),
        ("JOB_WORKERS", "65"),
        ("JOB_POLL_SECONDS", "0"),
        ("CALENDAR_POLL_SECONDS", "4"),
        ("CALENDAR_POLL_WITH_PUSH_SECONDS", "59"),
        ("CALENDAR_POLL_WITH_PUSH_SECONDS", "1801"),
        ("ENCRYPTION_KEYS", "x"),
        ("RATE_LIMITS", "none"),
        ("RATE_LIMIT_ADDRESS", "0"),
        ("RATE_LIMIT_SIGN_IN", "1000001"),
        ("RATE_LIMIT_SEARCH", "-1"),
        ("RATE_LIMIT_READ", "many"),
        ("RATE_LIMIT_WRITE", "1.5"),
        ("TRUSTED_PROXIES", "proxy.example.org"),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("TRUSTED_PROXIES", "10.0.0.1;10.0.0.2"),
        ("TRUSTED_PROXIES", "10.0.0.1,everybody"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, ::/0"),
    ];
    for (name, value) in bad {
        let mistakes = refused(&enough(&[(name, value)]));
        assert!(
            names(&mistakes).contains(&name),
            "{name}={value}: {mistakes:?}"
        );
        assert_eq!(
            mistakes.len(),
            1 + usize::from(value == "no") * 3,
            "{mistakes:?}"
        );
    }
    for (name, value) in [
        ("OIDC_ISSUER", "accounts.google.com"),
        ("OIDC_ISSUER", "http://accounts.google.com"),
        ("GOOGLE_CALENDAR_URL", "nonsense"),
    ] {
        let keys = Keyring::generate();
        let all = [
            (name, value),
            DATABASE,
            PUBLIC,
            ("GOOGLE_CLIENT_ID", "id"),
            ("GOOGLE_CLIENT_SECRET", "secret"),
            ("ENCRYPTION_KEYS", keys.as_str()),
        ];
        assert_eq!(refused(&all).len(), 1, "{name}={value}");
        assert_eq!(names(&refused(&all)), [name], "{name}={value}");
    }
}

#[test]
fn bad_values_are_told_in_the_local_mode_too() {
    let bad = [
        ("LOCAL_GOOGLE_PORT", "70000"),
        ("RANK_LOAD", "half"),
        ("RATE_LIMIT_READ", "0"),
        ("TIME_ZONE", "Berlin"),
    ];
    assert_eq!(names(&refused(&bad)), bad.map(|(name, _)| name));
}

#[test]
fn rate_limits_are_on_and_nobody_is_a_trusted_proxy_unless_said() {
    let limits = production(&enough(&[])).rate_limits;
    let budgets = limits.budgets.unwrap();
    let all = [
        budgets.address,
        budgets.sign_in,
        budgets.search,
        budgets.read,
        budgets.write,
    ];
    assert_eq!(all.map(u32::from), [3000, 120, 120, 300, 60]);
    assert!(limits.trusted_proxies.is_empty());

    let said = [
        ("RATE_LIMIT_WRITE", "1000000"),
        ("TRUSTED_PROXIES", "169.254.0.0/16, 192.0.2.7,2001:db8::/32"),
    ];
    let limits = production(&enough(&said)).rate_limits;
    assert_eq!(limits.budgets.unwrap().write.get(), 1_000_000);
    let proxies = ["169.254.0.0/16", "192.0.2.7/32", "2001:db8::/32"];
    assert_eq!(
        limits.trusted_proxies,
        proxies.map(|text| text.parse().unwrap())
    );

    let off = production(&enough(&[("RATE_LIMITS", "off")]));
    assert!(off.rate_limits.budgets.is_none());
}

#[test]
fn encryption_keys_that_are_malformed_are_refused_and_never_repeated() {
    let good = Keyring::generate();
    let twice = format!("{good},{good}");
    let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ";
    let short = format!("1:{secret}=");
    let in_pieces = format!("{good},");
    for keys in [
        "1",
        "1:",
        secret,
        &short,
        "1:not base64!",
        "a b:AAAA",
        &twice,
        &in_pieces,
    ] {
        let mistakes = refused(&enough(&[("ENCRYPTION_KEYS", keys)]));
        assert_eq!(names(&mistakes), ["ENCRYPTION_KEYS"], "{keys}");
        assert!(!mistakes[0].contains(secret), "{mistakes:?}");
        assert!(!mistakes[0].contains(good.split_once(':').unwrap().1));
    }
}

#[test]
fn plain_http_is_accepted_on_loopback_only() {
    for url in [
        "http://localhost:8080",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "https://book.example.org",
    ] {
        let config = production(&enough(&[("PUBLIC_URL", url)]));
        assert_eq!(config.server.is_https(), url.starts_with("https"), "{url}");
    }
    for url in [
        "http://book.example.org",
        "http://192.168.1.2:8080",
        "http://localhost.example.org",
        "http://0.0.0.0:8080",
    ] {
        let mistakes = refused(&enough(&[("PUBLIC_URL", url)]));
        assert_eq!(
            mistakes,
            ["PUBLIC_URL must be https, or http on a loopback address"],
            "{url}"
        );
    }
}

#[test]
fn all_mistakes_stand_in_one_message_one_line_each() {
    let lookup = |name: &str| match name {
        "PORT" => Some("x".to_owned()),
        "RANK_LOAD" => Some("much".to_owned()),
        _ => None,
    };
    let message = Config::load(&lookup).unwrap_err().to_string();
    assert_eq!(message.lines().count(), 8, "{message}");
    assert!(
        message.contains("\n  - PORT must be a port number"),
        "{message}"
    );
    assert!(message.contains("\n  - RANK_LOAD must be a whole number from 0 to 1000"));
}

#[test]
fn origins_that_may_call_are_written_as_browsers_write_them() {
    let listed = "https://app.example.org, http://localhost:5173,http://127.0.0.1:3000";
    let config = production(&enough(&[("CORS_ORIGINS", listed)]));
    let expected = [
        "https://app.example.org",
        "http://localhost:5173",
        "http://127.0.0.1:3000",
    ];
    assert_eq!(config.server.cors_origins, expected);
    assert!(production(&enough(&[])).server.cors_origins.is_empty());
    for mistake in [
        "*",
        "null",
        "https://*.example.org",
        "app.example.org",
        "http://app.example.org",
        "https://app.example.org/",
        "https://app.example.org/path",
        "https://app.example.org:443",
        "https://App.example.org",
        "https://user@app.example.org",
        "https://app.example.org?x",
        "ftp://app.example.org",
        "file:///",
        "https://app.example.org,nonsense",
    ] {
        let mistakes = refused(&enough(&[("CORS_ORIGINS", mistake)]));
        assert_eq!(names(&mistakes), ["CORS_ORIGINS"], "{mistake}");
    }
}

#[test]
fn a_redis_is_named_by_its_url_and_its_password_is_never_shown() {
    assert!(production(&enough(&[])).rate_limits.shared.is_none());
    for url in [
        "redis://:hush-hush@r.example.org:6379/1",
        "rediss://u:hush-hush@r.example.org",
    ] {
        let config = production(&enough(&[("REDIS_URL", url)]));
        assert!(config.rate_limits.shared.is_some());
        assert!(!format!("{config:?}").contains("hush-hush"));
    }
    for mistake in [
        "r.example.org",
        "http://:hush-hush@r.example.org",
        "redis://",
        "unix:///run/redis",
    ] {
        let mistakes = refused(&enough(&[("REDIS_URL", mistake)]));
        assert_eq!(names(&mistakes), ["REDIS_URL"], "{mistake}");
        assert!(!mistakes[0].contains("hush-hush"));
    }
}

#[test]
fn metrics_are_served_only_where_an_address_is_named() {
    assert!(production(&enough(&[])).server.metrics_bind.is_none());
    let config = production(&enough(&[("METRICS_BIND", "127.0.0.1:9090")]));
    let bind = config.server.metrics_bind.unwrap();
    assert_eq!(bind.to_string(), "127.0.0.1:9090");
    assert_eq!(
        names(&refused(&enough(&[("METRICS_BIND", "9090")]))),
        ["METRICS_BIND"]
    );
}
