//! The words of maintenance systems for status and urgency, in ours. What is unknown counts as open:
//! nobody may believe that work is done because a word was not understood.

use iq_domain::{WorkOrderPriority, WorkOrderStatus};

/// Status of an SAP order: the tokens of its system status, in English and in German, else the phase
/// of the process.
pub(crate) fn sap_order(system_status: &str, phase: &str) -> WorkOrderStatus {
    let has = |words: &[&str]| system_status.split_whitespace().any(|t| words.contains(&t));
    let is_executing = phase == "60";
    if has(&["DLFL", "DLT", "LÖVM", "LOVM"]) {
        WorkOrderStatus::Cancelled
    } else if has(&["CLSD", "ABGS"]) {
        WorkOrderStatus::Closed
    } else if has(&["TECO", "TABG", "CNF", "RÜCK"]) {
        WorkOrderStatus::Completed
    } else if has(&["LKD", "GSPT"]) {
        WorkOrderStatus::OnHold
    } else if has(&["PCNF", "TRÜK"]) {
        WorkOrderStatus::InProgress
    } else if has(&["REL", "FREI"]) {
        if is_executing {
            WorkOrderStatus::InProgress
        } else {
            WorkOrderStatus::Released
        }
    } else if has(&["CRTD", "EROF"]) {
        WorkOrderStatus::Open
    } else {
        by_phase(phase)
    }
}

/// The phases of SAP's process in their order: initiation, screening, planning, approval,
/// preparation, scheduling, execution, post-execution, completion.
fn by_phase(phase: &str) -> WorkOrderStatus {
    match phase.parse::<u8>() {
        Ok(40..=59) => WorkOrderStatus::Released,
        Ok(60..=69) => WorkOrderStatus::InProgress,
        Ok(70..=89) => WorkOrderStatus::Completed,
        _ => WorkOrderStatus::Open,
    }
}

/// Status of an SAP notification: the tokens of its system status, else its processing phase.
pub(crate) fn sap_notification(system_status: &str, phase: &str) -> WorkOrderStatus {
    let has = |words: &[&str]| system_status.split_whitespace().any(|t| words.contains(&t));
    if has(&["DLFL", "LÖVM", "LOVM"]) || phase == "5" {
        WorkOrderStatus::Cancelled
    } else if has(&["NOCO", "MMAB"]) || phase == "4" {
        WorkOrderStatus::Completed
    } else if has(&["NOPO"]) || phase == "2" {
        WorkOrderStatus::OnHold
    } else if has(&["NOPR", "MMIA"]) || phase == "3" {
        WorkOrderStatus::InProgress
    } else {
        WorkOrderStatus::Open
    }
}

/// Status of an Oracle work order by its system status.
pub(crate) fn fusion(system_status: &str, has_begun: bool) -> WorkOrderStatus {
    match system_status.trim_start_matches("ORA_") {
        "RELEASED" if has_begun => WorkOrderStatus::InProgress,
        "RELEASED" => WorkOrderStatus::Released,
        "ON_HOLD" => WorkOrderStatus::OnHold,
        "COMPLETED" => WorkOrderStatus::Completed,
        "CLOSED" => WorkOrderStatus::Closed,
        "CANCELED" | "CANCELLED" => WorkOrderStatus::Cancelled,
        "UNRELEASED" => WorkOrderStatus::Draft,
        _ => WorkOrderStatus::Open,
    }
}

/// Urgency by its number: 1 is the most urgent.
pub(crate) fn priority(written: &str) -> Option<WorkOrderPriority> {
    match written.trim() {
        "1" => Some(WorkOrderPriority::VeryHigh),
        "2" => Some(WorkOrderPriority::High),
        "3" => Some(WorkOrderPriority::Medium),
        "4" | "5" => Some(WorkOrderPriority::Low),
        _ => None,
    }
}

/// The number of an urgency.
pub(crate) fn priority_number(priority: WorkOrderPriority) -> u8 {
    match priority {
        WorkOrderPriority::VeryHigh => 1,
        WorkOrderPriority::High => 2,
        WorkOrderPriority::Medium => 3,
        WorkOrderPriority::Low => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_furthest_status_of_an_sap_order_wins() {
        for (text, phase, wanted) in [
            ("CRTD MANC NMAT", "20", WorkOrderStatus::Open),
            ("REL  MANC PRC SETC", "40", WorkOrderStatus::Released),
            ("REL  MANC PRC SETC", "60", WorkOrderStatus::InProgress),
            ("REL  PCNF PRC", "", WorkOrderStatus::InProgress),
            ("TECO CNF  PRC SETC", "80", WorkOrderStatus::Completed),
            ("CLSD CNF TECO", "", WorkOrderStatus::Closed),
            ("CRTD DLFL", "", WorkOrderStatus::Cancelled),
            ("REL LKD", "", WorkOrderStatus::OnHold),
            ("TABG RÜCK", "", WorkOrderStatus::Completed),
            ("", "60", WorkOrderStatus::InProgress),
            ("", "", WorkOrderStatus::Open),
            ("RELX CLOSEDISH", "??", WorkOrderStatus::Open),
        ] {
            assert_eq!(sap_order(text, phase), wanted, "{text} {phase}");
        }
    }

    #[test]
    fn a_notification_is_open_until_something_says_otherwise() {
        for (text, phase, wanted) in [
            ("OSNO", "1", WorkOrderStatus::Open),
            ("NOPR ORAS", "3", WorkOrderStatus::InProgress),
            ("NOCO", "", WorkOrderStatus::Completed),
            ("", "2", WorkOrderStatus::OnHold),
            ("DLFL NOCO", "4", WorkOrderStatus::Cancelled),
            ("NEVER", "9", WorkOrderStatus::Open),
        ] {
            assert_eq!(sap_notification(text, phase), wanted, "{text} {phase}");
        }
    }

    #[test]
    fn oracle_words_are_known_and_unknown_ones_are_open() {
        assert_eq!(fusion("ORA_RELEASED", false), WorkOrderStatus::Released);
        assert_eq!(fusion("RELEASED", true), WorkOrderStatus::InProgress);
        assert_eq!(fusion("CANCELED", false), WorkOrderStatus::Cancelled);
        assert_eq!(fusion("UNRELEASED", false), WorkOrderStatus::Draft);
        assert_eq!(fusion("PENDING_APPROVAL", false), WorkOrderStatus::Open);
    }

    #[test]
    fn urgency_goes_out_as_it_comes_in() {
        for level in [
            WorkOrderPriority::Low,
            WorkOrderPriority::Medium,
            WorkOrderPriority::High,
            WorkOrderPriority::VeryHigh,
        ] {
            assert_eq!(priority(&priority_number(level).to_string()), Some(level));
        }
        assert_eq!(priority("E"), None);
    }
}
