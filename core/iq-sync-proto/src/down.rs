//! What an appliance makes of a user the hub sends. The hub's value stands; but a denial always wins,
//! nobody becomes platform owner from above, and the last one who can administer here is not taken
//! away without a person here saying so.

use iq_domain::Role;

use crate::changes::User;

/// The user as he is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Role.
    pub role: Role,
    /// May sign in.
    pub is_active: bool,
    /// The last change from above that made him so.
    pub rev: u64,
    /// Whether he was changed here since.
    pub is_changed_here: bool,
}

/// How he is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Role.
    pub role: Role,
    /// May sign in.
    pub is_active: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// Make him so.
    Apply(Wanted),
    /// Make him so, and show a tenant admin both values: he had been changed here too.
    Conflict(Wanted),
    /// Leave him; it would leave nobody who can administer here. A person here may confirm.
    Confirm(Wanted),
    /// Never.
    Refuse,
}

/// Rules on a user. `other_admins` are the other active tenant admins who can sign in here.
#[must_use]
pub fn rule(local: Option<Local>, wanted: &User, other_admins: u32) -> Ruling {
    let asked = Wanted {
        role: wanted.role,
        is_active: wanted.is_active && !wanted.is_removed,
    };
    let Some(local) = local else {
        return if asked.role == Role::PlatformOwner {
            Ruling::Refuse
        } else {
            Ruling::Apply(asked)
        };
    };
    // The platform owner of this appliance is this appliance's own.
    if asked.role == Role::PlatformOwner || local.role == Role::PlatformOwner {
        return Ruling::Refuse;
    }
    let is_stale = local.is_changed_here || wanted.base_rev != local.rev;
    let result = if is_stale {
        Wanted {
            role: asked.role.min(local.role),
            is_active: asked.is_active && local.is_active,
        }
    } else {
        asked
    };
    let is_admin = |role: Role, is_active: bool| is_active && role >= Role::TenantAdmin;
    let loses_admin =
        is_admin(local.role, local.is_active) && !is_admin(result.role, result.is_active);
    let differs = (asked.role, asked.is_active) != (local.role, local.is_active);
    if loses_admin && other_admins == 0 {
        Ruling::Confirm(result)
    } else if local.is_changed_here && differs {
        Ruling::Conflict(result)
    } else {
        Ruling::Apply(result)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wanted(role: Role, is_active: bool, base_rev: u64) -> User {
        User {
            id: [1; 16],
            base_rev,
            username: "u".to_owned(),
            email: None,
            name: "U".to_owned(),
            role,
            is_active,
            is_removed: false,
        }
    }

    fn local(role: Role, is_active: bool, is_changed_here: bool) -> Local {
        Local {
            role,
            is_active,
            rev: 5,
            is_changed_here,
        }
    }

    #[test]
    fn the_hub_value_stands_but_a_denial_here_wins() {
        let raised = wanted(Role::TenantAdmin, true, 5);
        let here = local(Role::Viewer, true, false);
        let as_asked = Wanted {
            role: Role::TenantAdmin,
            is_active: true,
        };
        assert_eq!(rule(Some(here), &raised, 1), Ruling::Apply(as_asked));
        let disabled_here = local(Role::Engineer, false, true);
        let stays = Wanted {
            role: Role::Engineer,
            is_active: false,
        };
        assert_eq!(
            rule(Some(disabled_here), &raised, 1),
            Ruling::Conflict(stays)
        );
    }

    #[test]
    fn the_last_admin_is_not_taken_away_from_above() {
        let admin = local(Role::TenantAdmin, true, false);
        let off = wanted(Role::TenantAdmin, false, 5);
        let gone = Wanted {
            role: Role::TenantAdmin,
            is_active: false,
        };
        assert_eq!(rule(Some(admin), &off, 0), Ruling::Confirm(gone));
        assert_eq!(rule(Some(admin), &off, 1), Ruling::Apply(gone));
        let removed = User {
            is_removed: true,
            ..wanted(Role::TenantAdmin, true, 5)
        };
        assert_eq!(rule(Some(admin), &removed, 0), Ruling::Confirm(gone));
        let lowered = wanted(Role::Viewer, true, 5);
        assert!(matches!(rule(Some(admin), &lowered, 0), Ruling::Confirm(_)));
    }

    fn role() -> impl Strategy<Value = Role> {
        prop::sample::select(Role::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn nothing_from_above_makes_or_touches_a_platform_owner(
            before in prop::option::of((role(), any::<bool>(), any::<bool>())),
            to in role(), is_active: bool, base in 4_u64..7, others in 0_u32..3,
        ) {
            let before = before.map(|(role, active, changed)| local(role, active, changed));
            let ruling = rule(before, &wanted(to, is_active, base), others);
            let touched = to == Role::PlatformOwner
                || before.is_some_and(|local| local.role == Role::PlatformOwner);
            prop_assert_eq!(touched, ruling == Ruling::Refuse);
            let (Ruling::Apply(result) | Ruling::Conflict(result)) = ruling else { return Ok(()) };
            // A denial, wherever it was made, stands.
            prop_assert!(is_active || !result.is_active);
            if let Some(local) = before.filter(|local| local.is_changed_here) {
                prop_assert!(local.is_active || !result.is_active);
                prop_assert!(result.role <= local.role && result.role <= to);
            }
        }
    }
}
