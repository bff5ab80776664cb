//! Rules of the profile `podward`, and those on objects that make no pods.

use std::borrow::Cow;

use podward_manifest::{Object, Workload};

use crate::check::Spot;
use crate::neighbours::{Neighbours, Surroundings};
use crate::pod::Pod;
use crate::{Finding, Rule, Settings};

/// A rule and what finds its breaches.
#[derive(Debug)]
pub(crate) struct Practice {
    pub(crate) rule: &'static Rule,
    pub(crate) run: Run,
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Run {
    /// The pods of every object that makes some.
    Pods(fn(&Scene<'_>, &mut Vec<Spot>)),
    /// Every object.
    Objects(fn(&Sight<'_>, &mut Vec<Spot>)),
}

/// An object, the pods it makes and what is around it.
pub(crate) struct Sight<'a> {
    pub(crate) object: &'a Object,
    pub(crate) pods: &'a [Workload<'a>],
}

impl Sight<'_> {
    /// A place in the object.
    pub(crate) fn spot(
        &self,
        path: &str,
        message: impl Into<Cow<'static, str>>,
        mend: impl Into<Cow<'static, str>>,
    ) -> Spot {
        Spot {
            field: path.to_owned(),
            position: self.object.node.locate(path),
            message: message.into(),
            mend: mend.into(),
            fix: None,
            severity: None,
        }
    }
}

/// A pod and what is around it.
pub(crate) struct Scene<'a> {
    pub(crate) pod: Pod<'a>,
    pub(crate) settings: &'a Settings,
    surroundings: &'a Surroundings<'a>,
}

impl<'a> Scene<'a> {
    /// What the other manifests say. Asked for last: it makes them be read.
    pub(crate) fn neighbours(&self) -> &'a Neighbours {
        self.surroundings
    }
}

/// What the practices find in an object.
pub(crate) fn findings(
    practices: &[&Practice],
    object: &Object,
    pods: &[Workload<'_>],
    settings: &Settings,
    surroundings: &Surroundings<'_>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let asked = || {
        let practices = practices.iter().copied();
        practices.filter(|practice| practice.rule.profile <= settings.profile)
    };
    let mut tell = |rule: &'static Rule, spots: &mut Vec<Spot>| {
        let made = spots.drain(..);
        found.extend(made.map(|spot| spot.finding(rule, &object.path)));
    };
    let mut spots = Vec::new();
    let sight = Sight { object, pods };
    for practice in asked() {
        if let Run::Objects(run) = practice.run {
            run(&sight, &mut spots);
            tell(practice.rule, &mut spots);
        }
    }
    for workload in pods {
        let scene = Scene {
            pod: Pod::new(workload, settings.version),
            settings,
            surroundings,
        };
        for practice in asked() {
            if let Run::Pods(run) = practice.run {
                run(&scene, &mut spots);
                tell(practice.rule, &mut spots);
            }
        }
    }
    found
}
