//! Annotations that name a seccomp or an `AppArmor` profile. Beside one, the API server takes no pod
//! whose field says another (core validation, `validateSeccompAnnotationsAndFields` and
//! `validateAppArmorAnnotationsAndFieldsMatchOnCreate`).

use crate::pod::{Container, Pod};

/// The annotation for the seccomp profile of a pod.
pub(crate) const SECCOMP_OF_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
/// How the annotation for the seccomp profile of a container begins, whose name follows.
pub(crate) const SECCOMP_OF_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
/// The same for its `AppArmor` profile.
pub(crate) const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// An annotation of the pod.
fn annotation<'a>(pod: &Pod<'a>, is: impl Fn(&str) -> bool) -> Option<(&'a str, &'a str)> {
    pod.annotations().iter().find_map(|(key, value)| {
        let key = key.as_str().filter(|key| is(key))?;
        Some((key, value.as_str().unwrap_or_default()))
    })
}

/// The annotation beside which the seccomp profile of a container, or of the pod where none is given,
/// cannot be `RuntimeDefault`.
pub(crate) fn against_seccomp<'a>(
    pod: &Pod<'a>,
    container: Option<&Container<'_>>,
) -> Option<&'a str> {
    let (key, profile) = match container {
        None => annotation(pod, |key| key == SECCOMP_OF_POD),
        Some(container) => annotation(pod, |key| {
            key.strip_prefix(SECCOMP_OF_CONTAINER) == Some(container.name)
        }),
    }?;
    (!matches!(profile, "runtime/default" | "docker/default")).then_some(key)
}

/// The annotation beside which the `AppArmor` profile of a container cannot be `RuntimeDefault`; where
/// none is given, that of a container that takes the pod's.
pub(crate) fn against_app_armor<'a>(
    pod: &Pod<'a>,
    container: Option<&Container<'_>>,
) -> Option<&'a str> {
    let of = |container: &Container<'_>| {
        let (key, profile) = annotation(pod, |key| {
            key.strip_prefix(APP_ARMOR) == Some(container.name)
        })?;
        (profile != "runtime/default").then_some(key)
    };
    let takes_it = |container: &&Container<'_>| container.security(&["appArmorProfile"]).is_none();
    match container {
        Some(container) => of(container),
        None => pod.containers.iter().filter(takes_it).find_map(of),
    }
}

/// How a profile is mended beside such an annotation, which no fix takes out.
pub(crate) fn mend_beside(key: &str) -> String {
    format!(
        "set the type to RuntimeDefault and take the annotation {key} out with it: the API server refuses a field that says another than the annotation"
    )
}
