//! Parts of a problem that have nothing to do with each other.

use std::collections::HashMap;

use super::{Candidate, Problem};

/// A part of a problem, in which everything is numbered anew.
pub(super) struct Part {
    pub problem: Problem,
    /// The places of its candidates in the whole.
    pub places: Vec<usize>,
}

/// The parts of a problem, which share neither people nor limits, by their first candidates. What can't be chosen at
/// all is in none of them.
pub(super) fn split(problem: &Problem) -> Vec<Part> {
    let mut groups = Groups::default();
    let mut possible: Vec<usize> = (0..problem.candidates.len())
        .filter(|place| problem.can_stand(&problem.candidates[*place]))
        .collect();
    // So wishes stay in order, and who comes first does so in a part too.
    possible.sort_by_key(|place| problem.candidates[*place].wish);
    let of_candidate = |place: &usize| nodes(&problem.candidates[*place]);
    for place in &possible {
        groups.join(of_candidate(place));
    }
    let mut parts: Vec<Numbered> = Vec::new();
    let mut part_of = HashMap::new();
    for place in possible {
        let candidate = &problem.candidates[place];
        let root = groups.root(Node::Wish(candidate.wish));
        let part = *part_of.entry(root).or_insert_with(|| {
            parts.push(Numbered::default());
            parts.len() - 1
        });
        parts[part].add(problem, place);
    }
    parts.into_iter().map(|numbered| numbered.part).collect()
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Node {
    Wish(usize),
    Person(usize),
    Limit(usize),
}

fn nodes(candidate: &Candidate) -> impl Iterator<Item = Node> {
    let first = [
        Node::Wish(candidate.wish),
        Node::Person(candidate.tutor.0),
        Node::Person(candidate.student.0),
    ];
    let limits = candidate.limits.iter();
    let limits = limits.map(|(limit, _)| Node::Limit(*limit));
    first.into_iter().chain(limits)
}

/// Disjoint sets, each a tree that leads to its root.
#[derive(Default)]
struct Groups(HashMap<Node, Node>);

impl Groups {
    fn root(&mut self, node: Node) -> Node {
        let mut at = node;
        while let Some(next) = self.0.get(&at) {
            at = *next;
        }
        if at != node {
            self.0.insert(node, at);
        }
        at
    }

    fn join(&mut self, mut nodes: impl Iterator<Item = Node>) {
        let Some(first) = nodes.next() else { return };
        let root = self.root(first);
        for node in nodes {
            let other = self.root(node);
            if other != root {
                self.0.insert(other, root);
            }
        }
    }
}

struct Numbered {
    part: Part,
    numbers: HashMap<Node, usize>,
    people: usize,
}

impl Default for Numbered {
    fn default() -> Self {
        Self {
            part: Part {
                problem: Problem::default(),
                places: Vec::new(),
            },
            numbers: HashMap::new(),
            people: 0,
        }
    }
}

impl Numbered {
    fn add(&mut self, whole: &Problem, place: usize) {
        let Candidate {
            wish,
            tutor,
            student,
            limits,
            cost,
        } = &whole.candidates[place];
        let candidate = Candidate {
            wish: self.number(Node::Wish(*wish), whole),
            tutor: (self.number(Node::Person(tutor.0), whole), tutor.1),
            student: (self.number(Node::Person(student.0), whole), student.1),
            limits: limits
                .iter()
                .map(|(limit, takes)| (self.number(Node::Limit(*limit), whole), *takes))
                .collect(),
            cost: *cost,
        };
        self.part.problem.candidates.push(candidate);
        self.part.places.push(place);
    }

    fn number(&mut self, node: Node, whole: &Problem) -> usize {
        let problem = &mut self.part.problem;
        *self.numbers.entry(node).or_insert_with(|| match node {
            Node::Wish(_) => {
                problem.wishes += 1;
                problem.wishes - 1
            }
            Node::Person(_) => {
                self.people += 1;
                self.people - 1
            }
            Node::Limit(limit) => {
                problem.limits.push(whole.limits[limit]);
                problem.limits.len() - 1
            }
        })
    }
}
