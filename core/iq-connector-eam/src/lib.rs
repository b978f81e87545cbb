//! Maintenance systems: SAP PM and Oracle EAM.
