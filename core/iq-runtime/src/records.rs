//! Where what is no sample goes: work orders, equipment, events. A batch's positions are written down
//! only after this has answered.

pub(crate) use crate::maintenance::store_records;
