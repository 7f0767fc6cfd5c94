//! Which role does a method need? One table; what is not in it needs the highest.

use crate::caller::{Caller, Role};
use crate::error::MethodError;

use Role::{Admin, Operator, Router, Viewer};

/// Objects of the settings: each may be looked at by everybody and changed by a router, unless [`TABLE`] says more.
const SETTINGS: &[&str] = &[
    "DkimSignature",
    "Domain",
    "MailingList",
    "DsnReportSettings",
    "HistorySettings",
    "MtaConnectionStrategy",
    "MtaDeliverySchedule",
    "MtaExtensions",
    "MtaInboundThrottle",
    "MtaOutboundStrategy",
    "MtaOutboundThrottle",
    "MtaQueueQuota",
    "MtaRoute",
    "MtaTlsStrategy",
    "MtaVirtualQueue",
    "ReportSettings",
    "SenderAuthSettings",
    "TlsReportSettings",
    "WebHook",
];

/// What is asked of a settings object, and who may.
const OF_SETTINGS: &[(&str, Role)] = &[("get", Viewer), ("query", Viewer), ("set", Router)];

/// Object, verb, and the least role that may.
const TABLE: &[(&str, &str, Role)] = &[
    ("Core", "echo", Viewer),
    // Settings that say who may do what, or that hold people's passwords.
    ("SystemSettings", "get", Viewer),
    ("SystemSettings", "set", Admin),
    ("Account", "get", Viewer),
    ("Account", "query", Viewer),
    ("Account", "set", Admin),
    // It names files and databases, and what is in them can be asked for.
    ("StoreLookup", "get", Viewer),
    ("StoreLookup", "query", Viewer),
    ("StoreLookup", "set", Admin),
    // Whoever writes it chooses who may be anybody.
    ("Directory", "get", Viewer),
    ("Directory", "query", Viewer),
    ("Directory", "set", Admin),
    ("AppPassword", "get", Admin),
    ("AppPassword", "query", Admin),
    ("AppPassword", "set", Admin),
    ("Administrator", "get", Admin),
    ("Administrator", "query", Admin),
    ("Administrator", "set", Admin),
    ("Administrator", "link", Admin),
    ("ApiToken", "get", Admin),
    ("ApiToken", "query", Admin),
    ("ApiToken", "set", Admin),
    ("AuditEntry", "get", Viewer),
    ("AuditEntry", "query", Viewer),
    // Settings as a whole; each object that is changed is asked for as well, see `set_of`.
    ("Settings", "get", Viewer),
    ("Settings", "export", Viewer),
    ("Settings", "check", Viewer),
    ("Settings", "describe", Viewer),
    ("Settings", "apply", Router),
    ("Settings", "import", Admin),
    ("Revision", "get", Viewer),
    ("Revision", "query", Viewer),
    ("Revision", "diff", Viewer),
    ("Revision", "restore", Router),
    ("Revision", "confirm", Router),
    ("DkimKey", "get", Viewer),
    ("DkimKey", "make", Router),
    ("Explanation", "get", Viewer),
    ("Expression", "check", Viewer),
    ("Expression", "complete", Viewer),
    // A probe makes this server talk to other machines.
    ("RouteTest", "get", Router),
    ("RouteTest", "set", Router),
    ("QueuedMessage", "get", Viewer),
    ("QueuedMessage", "query", Viewer),
    ("QueuedMessage", "set", Operator),
    // Whoever only looks sees no mail.
    ("QueuedMessage", "download", Operator),
    ("QueueCause", "get", Viewer),
    ("QueueCause", "query", Viewer),
    ("QueueJob", "get", Viewer),
    ("QueueJob", "query", Viewer),
    ("QueueJob", "set", Operator),
    ("Pause", "get", Viewer),
    ("Pause", "query", Viewer),
    ("NextHop", "get", Viewer),
    ("NextHop", "query", Viewer),
    ("Action", "get", Viewer),
    // Each kind is asked for as well, see `action`.
    ("Action", "set", Operator),
    ("MessageHistory", "get", Viewer),
    ("MessageHistory", "query", Viewer),
    ("DeliveryAttempt", "get", Viewer),
    ("DeliveryAttempt", "query", Viewer),
    ("Statistics", "get", Viewer),
    ("WebHookState", "get", Viewer),
    ("Health", "get", Viewer),
    ("Metrics", "get", Viewer),
    // What somebody wrote to somebody else.
    ("Blob", "get", Operator),
];

/// The least role that may call this method; `None` if the table does not know it, and then only Admin may.
pub fn least(object: &str, verb: &str) -> Option<Role> {
    let named = TABLE.iter().find(|(known, known_verb, _)| *known == object && *known_verb == verb);
    if let Some((.., role)) = named {
        return Some(*role);
    }
    let of_settings = OF_SETTINGS.iter().find(|(known, _)| *known == verb && SETTINGS.contains(&object));
    of_settings.map(|(_, role)| *role)
}

/// Every method that the table knows, with its role.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str, Role)> {
    let of_settings = SETTINGS
        .iter()
        .flat_map(|object| OF_SETTINGS.iter().map(move |(verb, role)| (*object, *verb, *role)));
    TABLE.iter().copied().chain(of_settings)
}

/// Refuses a call that the caller's role does not reach, or that its token is not meant for.
pub fn allow(caller: &Caller, object: &str, verb: &str) -> Result<(), MethodError> {
    let needed = least(object, verb).unwrap_or(Admin);
    if caller.role < needed {
        return Err(MethodError::forbidden(format!(
            "{object}/{verb} needs the role {needed}, {} has {}",
            caller.name, caller.role
        )));
    }
    if !caller.is_in_scope(object, verb) {
        return Err(MethodError::forbidden(format!("{} is not meant for {object}/{verb}", caller.name)));
    }
    Ok(())
}

/// Refuses a change of an object that comes in as part of a larger one: `Settings/apply`, `Revision/restore`.
pub fn set_of(caller: &Caller, object: &str) -> Result<(), MethodError> {
    let needed = least(object, "set").unwrap_or(Admin);
    if caller.role < needed {
        return Err(MethodError::forbidden(format!(
            "changing {object} needs the role {needed}, {} has {}",
            caller.name, caller.role
        )));
    }
    Ok(())
}

/// Refuses an action (the `@type` of an `Action`) that the caller's role does not reach.
pub fn action(caller: &Caller, kind: &str) -> Result<(), MethodError> {
    let needed = if kind == "ReloadSettings" { Router } else { Operator };
    if caller.role < needed {
        return Err(MethodError::forbidden(format!(
            "{kind} needs the role {needed}, {} has {}",
            caller.name, caller.role
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: L9
    #[test]
    fn every_role_may_call_what_the_table_says_and_nothing_else() {
        for (object, verb, needed) in all() {
            for role in Role::ALL {
                let allowed = allow(&Caller::new("somebody", role), object, verb).is_ok();
                assert_eq!(allowed, role >= needed, "{role} {object}/{verb}");
            }
        }
    }

    #[test]
    fn what_nobody_knows_needs_the_highest_role() {
        assert!(allow(&Caller::new("alice", Router), "Novelty", "get").is_err());
        assert!(allow(&Caller::new("alice", Router), "MtaRoute", "burn").is_err());
        assert!(allow(&Caller::new("alice", Admin), "Novelty", "get").is_ok());
    }

    #[test]
    fn no_method_stands_in_the_table_twice() {
        let mut names: Vec<_> = all().map(|(object, verb, _)| format!("{object}/{verb}")).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    // proves: L9
    #[test]
    fn a_scope_narrows_a_role_and_never_widens_it() {
        let scoped = |role, methods: &[&str]| Caller {
            scope: Some(methods.iter().map(|&method| method.to_owned()).collect()),
            ..Caller::new("token backup", role)
        };
        let token = scoped(Admin, &["x:QueuedMessage/get", "MtaRoute/*", "*/query"]);
        for (object, verb, expected) in [
            ("QueuedMessage", "get", true),
            ("QueuedMessage", "query", true),
            ("QueuedMessage", "set", false),
            ("MtaRoute", "set", true),
            ("MtaRoutes", "set", false),
            ("Administrator", "set", false),
        ] {
            assert_eq!(allow(&token, object, verb).is_ok(), expected, "{object}/{verb}");
        }
        assert!(allow(&scoped(Viewer, &["*/*"]), "QueuedMessage", "set").is_err());
        assert!(allow(&scoped(Admin, &[]), "Core", "echo").is_err());
    }

    #[test]
    fn every_settings_object_is_in_the_table() {
        for name in policy::settings::ObjectType::all().map(policy::settings::ObjectType::name) {
            for verb in ["get", "set"] {
                assert!(least(name, verb).is_some(), "{name}/{verb}");
            }
        }
    }

    // proves: L9
    #[test]
    fn the_parts_of_a_larger_change_are_asked_for_one_by_one() {
        let router = Caller::new("alice", Router);
        assert!(set_of(&router, "MtaRoute").is_ok());
        assert!(set_of(&router, "SystemSettings").is_err());
        assert!(set_of(&router, "Account").is_err());
        assert!(action(&Caller::new("alice", Operator), "PauseMtaQueue").is_ok());
        assert!(action(&Caller::new("alice", Operator), "ReloadSettings").is_err());
    }
}
