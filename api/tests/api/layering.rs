//! The one rule of direction, read from the paths that the sources name.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use syn::visit::{self, Visit};

/// A part of the sources, and what it must not name.
struct Rule {
    /// Below the workspace.
    part: &'static str,
    forbidden: &'static [&'static str],
}

const LIBRARIES: [&str; 5] = [
    "entity",
    "google",
    "google_sandbox",
    "migration",
    "scheduling",
];

const RULES: [Rule; 9] = [
    Rule {
        part: "api/src/http",
        forbidden: &[
            "crate::store",
            "crate::jobs",
            "crate::local",
            "entity",
            "sea_orm",
            "migration",
        ],
    },
    Rule {
        part: "api/src/jobs",
        forbidden: &[
            "crate::store",
            "crate::http",
            "crate::local",
            "entity",
            "sea_orm",
            "migration",
        ],
    },
    Rule {
        part: "api/src/service",
        forbidden: &[
            "crate::http",
            "crate::jobs",
            "crate::local",
            "axum",
            "http",
            "google_sandbox",
        ],
    },
    Rule {
        part: "api/src/store",
        forbidden: &[
            "crate::http",
            "crate::jobs",
            "crate::local",
            "crate::service",
            "axum",
            "google",
        ],
    },
    Rule {
        part: "api/src/config",
        forbidden: &[
            "crate::store",
            "crate::service",
            "crate::http",
            "crate::jobs",
            "google_sandbox",
        ],
    },
    Rule {
        part: "api/src/app",
        forbidden: &[
            "crate::service",
            "crate::http",
            "crate::jobs",
            "google_sandbox",
        ],
    },
    Rule {
        part: "api/src/error",
        forbidden: &["crate::service", "crate::http", "axum", "http"],
    },
    Rule {
        part: "api/src/origin",
        forbidden: &[
            "crate::store",
            "crate::service",
            "crate::http",
            "crate::jobs",
            "axum",
        ],
    },
    Rule {
        part: "scheduling/src",
        forbidden: &[
            "sea_orm",
            "tokio",
            "std::time::SystemTime",
            "chrono::Utc::now",
            "chrono::Local",
        ],
    },
];

#[test]
fn every_part_names_only_what_lies_below_it() {
    let mut breaches = Vec::new();
    for Rule { part, forbidden } in RULES {
        let files = sources(&workspace().join(part));
        assert!(!files.is_empty(), "there is nothing at {part}");
        for file in files {
            breaches.extend(breaches_in(&file, forbidden));
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn the_library_crates_name_none_of_each_other() {
    let mut breaches = Vec::new();
    for library in LIBRARIES {
        let others: Vec<_> = LIBRARIES
            .into_iter()
            .filter(|name| *name != library)
            .collect();
        for file in sources(&workspace().join(library.replace('_', "-")).join("src")) {
            breaches.extend(breaches_in(&file, &others));
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn a_breach_is_seen_however_it_is_written() {
    for text in [
        "use crate::store::booking;",
        "use crate::{app::App, store::{self, job}};",
        "fn f() { crate::store::booking::list(); }",
        "fn f(x: crate::store::Row) {}",
        "use crate::app; use crate::store as s;",
    ] {
        assert!(
            !named(text).is_disjoint(&BTreeSet::from(["crate::store".to_owned()])),
            "{text}"
        );
    }
    assert!(!named("use crate::restore::x;").contains("crate::store"));
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// A module: a file, a folder, or both.
fn sources(part: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if part.with_extension("rs").is_file() {
        found.push(part.with_extension("rs"));
    }
    let Ok(entries) = fs::read_dir(part) else {
        return found;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !found.contains(&path)
        {
            found.push(path);
        }
    }
    found.sort();
    found.dedup();
    found
}

fn breaches_in(file: &Path, forbidden: &[&str]) -> Vec<String> {
    let names = named(&fs::read_to_string(file).unwrap());
    let breaches = forbidden.iter().filter(|name| names.contains(**name));
    breaches
        .map(|name| {
            format!(
                "{} names {name}",
                file.strip_prefix(workspace()).unwrap().display()
            )
        })
        .collect()
}

/// Every path that is named, with all that it begins with: `crate::store::job` also names `crate::store`.
fn named(text: &str) -> BTreeSet<String> {
    let mut paths = Paths::default();
    paths.visit_file(&syn::parse_file(text).unwrap());
    paths.found
}

#[derive(Default)]
struct Paths {
    found: BTreeSet<String>,
}

impl Paths {
    fn add(&mut self, segments: &[String]) {
        for end in 1..=segments.len() {
            self.found.insert(segments[..end].join("::"));
        }
    }

    fn add_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.add(&with(&name.ident)),
            syn::UseTree::Rename(rename) => self.add(&with(&rename.ident)),
            syn::UseTree::Glob(_) => self.add(before),
            syn::UseTree::Group(group) => group
                .items
                .iter()
                .for_each(|tree| self.add_tree(before, tree)),
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        // A single name may be a local one; only a path leads out of a module.
        if path.segments.len() > 1 {
            let segments: Vec<_> = path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string())
                .collect();
            self.add(&segments);
        }
        visit::visit_path(self, path);
    }
}
