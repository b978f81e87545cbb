//! Writing: new notifications and orders, changes with their versions, and the actions that move an
//! order or a notification on.

use iq_domain::Timestamp;
use serde_json::Value;

use crate::sap::{
    book::{Book, etag, operation},
    query::Fault,
    schema::{EQUIPMENT, LOCATION, LONG_TEXT, NOTIFICATION, OPERATION, ORDER, Right, Set, set},
    value::{Row, Val, text, text_of},
};

/// Largest number of operations and texts that come with a new order.
const MAX_DEEP: usize = 200;

fn read_only(name: &str) -> Fault {
    Fault::bad(format!("Property {name} can't be set by the caller."))
}

/// The fields of a body; what the caller has no right to set is refused.
fn fields(body: &Value, of: &'static Set, rights: &[Right]) -> Result<Row, Fault> {
    let object = body
        .as_object()
        .ok_or_else(|| Fault::bad("The request body is no entity."))?;
    let mut row = Row::new();
    for (name, value) in object {
        let is_link = of.links.iter().any(|(link, _)| link == name);
        if name == "__metadata" || is_link {
            continue;
        }
        let field = of.field(name).ok_or_else(|| {
            Fault::bad(format!(
                "Property {name} is invalid for entity type {}.",
                of.name
            ))
        })?;
        if !rights.contains(&field.right) {
            return Err(read_only(name));
        }
        row.insert(name.clone(), Val::read(value, field).map_err(Fault::bad)?);
    }
    Ok(row)
}

/// Rows that hang on a new order, as a list or as `{"results": […]}`.
fn deep<'a>(body: &'a Value, link: &str) -> &'a [Value] {
    let value = &body[link];
    let list = value.as_array().or_else(|| value["results"].as_array());
    list.map_or(&[], Vec::as_slice)
}

fn require(row: &Row, name: &str) -> Result<(), Fault> {
    if text_of(row, name).is_empty() {
        return Err(Fault::new(
            400,
            "EAMS/010",
            format!("Enter a value for {name}."),
        ));
    }
    Ok(())
}

/// What the system knows of an object.
struct Place {
    plant: String,
    abc: String,
    location: String,
    name: String,
}

fn equipment(book: &Book, number: &str) -> Result<Place, Fault> {
    let forever = Val::Ms(super::seed::FOREVER);
    let rows = book.rows(EQUIPMENT).iter();
    let row = rows
        .filter(|r| r.get("ValidityEndDate") == Some(&forever))
        .find(|r| text_of(r, "Equipment") == number)
        .ok_or_else(|| Fault::new(400, "IS/045", format!("Equipment {number} does not exist.")))?;
    if row.get("EquipmentIsInactive") == Some(&Val::Flag(true)) {
        return Err(Fault::new(
            400,
            "IS/112",
            format!("Equipment {number} is inactive."),
        ));
    }
    Ok(Place {
        plant: text_of(row, "MaintenancePlant").to_owned(),
        abc: text_of(row, "ABCIndicator").to_owned(),
        location: text_of(row, "FunctionalLocation").to_owned(),
        name: text_of(row, "EquipmentName").to_owned(),
    })
}

fn location(book: &Book, id: &str) -> Result<Place, Fault> {
    let row = book
        .rows(LOCATION)
        .iter()
        .find(|r| text_of(r, "FunctionalLocation") == id)
        .ok_or_else(|| {
            Fault::new(
                400,
                "IL/020",
                format!("Functional location {id} does not exist."),
            )
        })?;
    Ok(Place {
        plant: text_of(row, "MaintenancePlant").to_owned(),
        abc: text_of(row, "ABCIndicator").to_owned(),
        location: id.to_owned(),
        name: String::new(),
    })
}

/// Creates an entity; answers its keys.
pub(crate) fn create(
    book: &mut Book,
    of: &'static Set,
    body: &Value,
    user: &str,
    now: Timestamp,
) -> Result<Row, Fault> {
    if !of.can_create {
        return Err(Fault::new(
            405,
            "/IWBEP/CM_MGW_RT/025",
            format!("{} can't be created here.", of.name),
        ));
    }
    let mut row = fields(body, of, &[Right::Free, Right::Once])?;
    if of.name == ORDER {
        order(book, &mut row)?;
    } else {
        notification(book, &mut row, user, now)?;
    }
    let (operations, texts) = hanging(body, of)?;
    let number = book.new_number(of.name);
    row.insert(of.name.to_owned(), text(&number));
    row.insert("LastChangeDateTime".to_owned(), book.moment(now));
    if of.name == ORDER {
        row.insert("CreatedByUser".to_owned(), text(user));
        row.insert(
            "MaintOrderReferenceDateTime".to_owned(),
            Val::Ms(now.millis()),
        );
        let title = text_of(&row, "MaintenanceOrderDesc").to_owned();
        if operations.is_empty() {
            book.add(OPERATION, operation(&number, "0010", &title));
        }
        for (i, given) in operations.into_iter().enumerate() {
            let mut full = operation(&number, &format!("{:04}", (i + 1) * 10), &title);
            full.extend(given);
            book.add(OPERATION, full);
        }
        for mut given in texts {
            given.insert(ORDER.to_owned(), text(&number));
            book.add(LONG_TEXT, given);
        }
        assign(book, text_of(&row, NOTIFICATION), &number, now);
    }
    book.add(of.name, row);
    Ok(Row::from([(of.name.to_owned(), text(number))]))
}

fn hanging(body: &Value, of: &Set) -> Result<(Vec<Row>, Vec<Row>), Fault> {
    if of.name != ORDER {
        return Ok((Vec::new(), Vec::new()));
    }
    let read = |link: &str, target: &str| -> Result<Vec<Row>, Fault> {
        let rows = deep(body, link);
        if rows.len() > MAX_DEEP {
            return Err(Fault::bad("There are too many items in the request body."));
        }
        let rights = [Right::Free, Right::Once];
        rows.iter()
            .map(|row| fields(row, set(target), &rights))
            .collect()
    };
    Ok((
        read("to_MaintenanceOrderOperation", OPERATION)?,
        read("to_MaintenanceOrderLongText", LONG_TEXT)?,
    ))
}

fn order(book: &Book, row: &mut Row) -> Result<(), Fault> {
    for name in [
        "MaintenanceOrderType",
        "MaintenanceOrderDesc",
        "MaintenancePlanningPlant",
    ] {
        require(row, name)?;
    }
    let kind = text_of(row, "MaintenanceOrderType");
    if !["PM01", "PM02", "PM03", "YA01"].contains(&kind) {
        return Err(Fault::new(
            400,
            "IW/125",
            format!("Order type {kind} is not defined."),
        ));
    }
    let note = text_of(row, NOTIFICATION).to_owned();
    let unknown = |r: &Row| text_of(r, NOTIFICATION) != note;
    if !note.is_empty() && book.rows(NOTIFICATION).iter().all(unknown) {
        return Err(Fault::new(
            400,
            "IM/121",
            format!("Notification {note} does not exist."),
        ));
    }
    let number = text_of(row, "Equipment").to_owned();
    let id = text_of(row, "FunctionalLocation").to_owned();
    let (object, what, place) = if !number.is_empty() {
        (number.clone(), "EAMS_EQUI", equipment(book, &number)?)
    } else if id.is_empty() {
        return Err(Fault::new(400, "IW/020", "Enter a technical object."));
    } else {
        (id.clone(), "EAMS_FL", location(book, &id)?)
    };
    for (name, value) in [
        ("TechnicalObject", object.as_str()),
        ("TechnicalObjectLabel", &object),
        ("TechObjIsEquipOrFuncnlLoc", what),
        ("FunctionalLocation", &place.location),
        ("EquipmentName", &place.name),
        ("MaintenancePlant", &place.plant),
        ("ABCIndicator", &place.abc),
        ("CompanyCode", "1000"),
        ("MaintPriorityType", "PM"),
        ("MaintOrdProcessPhaseCode", "30"),
        ("SystemStatusText", "CRTD MANC NMAT PRC"),
    ] {
        row.insert(name.to_owned(), text(value));
    }
    Ok(())
}

fn notification(book: &Book, row: &mut Row, user: &str, now: Timestamp) -> Result<(), Fault> {
    for name in ["NotificationType", "NotificationText"] {
        require(row, name)?;
    }
    let kind = text_of(row, "NotificationType");
    if !["M1", "M2", "M3", "Y1"].contains(&kind) {
        return Err(Fault::new(
            400,
            "IM/100",
            format!("Notification type {kind} is not defined."),
        ));
    }
    let object = text_of(row, "TechnicalObject").to_owned();
    if !object.is_empty() {
        let place = match text_of(row, "TechObjIsEquipOrFuncnlLoc") {
            "EAMS_FL" => location(book, &object)?,
            "EAMS_EQUI" => equipment(book, &object)?,
            other => {
                return Err(Fault::bad(format!(
                    "'{other}' is no valid kind of a technical object."
                )));
            }
        };
        row.insert("TechnicalObjectLabel".to_owned(), text(&object));
        row.insert("FunctionalLocation".to_owned(), text(&place.location));
        row.insert("MaintenancePlant".to_owned(), text(&place.plant));
        row.insert("ABCIndicator".to_owned(), text(&place.abc));
    }
    let day = now.millis() - now.millis().rem_euclid(86_400_000);
    let seconds = (now.millis().rem_euclid(86_400_000) / 1_000) as u32;
    row.insert("CreationDate".to_owned(), Val::Ms(day));
    row.insert("CreationTime".to_owned(), Val::Seconds(seconds));
    row.insert("CompanyCode".to_owned(), text("1000"));
    row.insert("NotifProcessingPhase".to_owned(), text("1"));
    row.insert("ConcatenatedActiveSystStsName".to_owned(), text("OSNO"));
    row.entry("ReportedByUser".to_owned())
        .or_insert_with(|| text(user));
    Ok(())
}

/// Changes fields of an entity.
pub(crate) fn update(
    book: &mut Book,
    of: &'static Set,
    keys: &Row,
    body: &Value,
    if_match: Option<&str>,
    now: Timestamp,
) -> Result<(), Fault> {
    let row = book.find(of, keys).ok_or_else(Fault::missing)?;
    if row.contains_key("LastChangeDateTime") {
        match if_match {
            None => {
                return Err(Fault::new(
                    428,
                    "/IWBEP/CM_MGW_RT/199",
                    "The request needs the header If-Match.",
                ));
            }
            Some("*") => {}
            Some(version) if version == etag(row) => {}
            Some(_) => {
                return Err(Fault::new(
                    412,
                    "/IWBEP/CM_MGW_RT/198",
                    "The entity was changed by somebody else.",
                ));
            }
        }
    }
    let mut given = body.clone();
    // Keys that repeat the address are no change.
    if let Some(object) = given.as_object_mut() {
        object.retain(|name, value| {
            let same = keys.get(name).is_some_and(|k| match k {
                Val::Text(t) => value == t,
                _ => true,
            });
            !same
        });
    }
    let changes = fields(&given, of, &[Right::Free])?;
    if of.name == ORDER {
        for (name, check) in [
            (
                "Equipment",
                equipment as fn(&Book, &str) -> Result<Place, Fault>,
            ),
            ("FunctionalLocation", location),
        ] {
            let value = text_of(&changes, name);
            if !value.is_empty() {
                check(book, value)?;
            }
        }
    }
    let moment = book.moment(now);
    if let Some(row) = book.find_mut(of, keys) {
        row.extend(changes);
        if row.contains_key("LastChangeDateTime") {
            row.insert("LastChangeDateTime".to_owned(), moment);
        }
    }
    Ok(())
}

/// Lets an entity be changed by somebody else.
pub(crate) fn touch(book: &mut Book, of: &'static Set, keys: &Row, now: Timestamp) {
    let moment = book.moment(now);
    if let Some(row) = book.find_mut(of, keys)
        && row.contains_key("LastChangeDateTime")
    {
        row.insert("LastChangeDateTime".to_owned(), moment);
    }
}

fn assign(book: &mut Book, notification: &str, order: &str, now: Timestamp) {
    if notification.is_empty() {
        return;
    }
    let keys = Row::from([(NOTIFICATION.to_owned(), text(notification))]);
    let moment = book.moment(now);
    if let Some(row) = book.find_mut(set(NOTIFICATION), &keys) {
        row.insert(ORDER.to_owned(), text(order));
        row.insert("NotifProcessingPhase".to_owned(), text("3"));
        let status = text("NOPR ORAS");
        row.insert("ConcatenatedActiveSystStsName".to_owned(), status);
        row.insert("LastChangeDateTime".to_owned(), moment);
    }
}

/// Carries out an action of a service; answers set and keys of what it changed.
pub(crate) fn act(
    book: &mut Book,
    action: &str,
    argument: impl Fn(&str) -> Option<String>,
    now: Timestamp,
) -> Result<(&'static Set, Row), Fault> {
    // Phase from which on an order may be moved there, the phase it has then, its status text.
    let step = match action {
        "ReleaseMaintenanceOrder" => Some(("00", "50", "REL  MANC PRC SETC")),
        "SetMaintOrdToMainWorkComplete" => Some(("50", "65", "REL  CNF  PRC SETC")),
        "SetMaintOrdToTechCompleted" => Some(("50", "70", "TECO CNF PRC SETC")),
        "SetMaintOrderStatusToClosed" => Some(("70", "80", "CLSD CNF TECO")),
        "SetMaintOrderToDoNotExecute" => Some(("00", "90", "CRTD DLFL")),
        _ => None,
    };
    let named = |name: &str| {
        let value = argument(name).map(|v| v.trim_matches('\'').to_owned());
        value.ok_or_else(|| Fault::bad(format!("The parameter {name} is missing.")))
    };
    if let Some((from, to, status)) = step {
        let keys = Row::from([(ORDER.to_owned(), text(named(ORDER)?))]);
        let row = book.find(set(ORDER), &keys).ok_or_else(Fault::missing)?;
        let phase = text_of(row, "MaintOrdProcessPhaseCode").to_owned();
        if phase.as_str() < from || phase.as_str() >= to {
            return Err(Fault::new(
                400,
                "IW/060",
                format!("The status of order {} doesn't allow it.", named(ORDER)?),
            ));
        }
        let moment = book.moment(now);
        if let Some(row) = book.find_mut(set(ORDER), &keys) {
            row.insert("MaintOrdProcessPhaseCode".to_owned(), text(to));
            row.insert("SystemStatusText".to_owned(), text(status));
            row.insert("LastChangeDateTime".to_owned(), moment);
        }
        return Ok((set(ORDER), keys));
    }
    let (phase, status) = match action {
        "AssignMaintNotificationToOrder" => ("", ""),
        "CompleteMaintNotification" => ("4", "NOCO"),
        "SetMaintNotifToInProcess" => ("3", "NOPR"),
        _ => return Err(Fault::missing()),
    };
    let note = named(NOTIFICATION)?;
    let keys = Row::from([(NOTIFICATION.to_owned(), text(&note))]);
    book.find(set(NOTIFICATION), &keys)
        .ok_or_else(Fault::missing)?;
    if phase.is_empty() {
        let number = named(ORDER)?;
        let order_keys = Row::from([(ORDER.to_owned(), text(&number))]);
        book.find(set(ORDER), &order_keys)
            .ok_or_else(Fault::missing)?;
        assign(book, &note, &number, now);
        return Ok((set(NOTIFICATION), keys));
    }
    let moment = book.moment(now);
    if let Some(row) = book.find_mut(set(NOTIFICATION), &keys) {
        row.insert("NotifProcessingPhase".to_owned(), text(phase));
        row.insert("ConcatenatedActiveSystStsName".to_owned(), text(status));
        row.insert("LastChangeDateTime".to_owned(), moment);
    }
    Ok((set(NOTIFICATION), keys))
}
