//! How much of the disk a tenant's uploaded files may take.

use iq_domain::{CodedError, ErrorKind};

use crate::Inner;

/// What a tenant may keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quota {
    files: u64,
    bytes: u64,
}

/// What is left for one more file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    left: u64,
    quota: u64,
}

impl Quota {
    pub(crate) fn of(inner: &Inner) -> Self {
        Self {
            files: inner.config.import_max_files,
            bytes: inner.config.import_max_bytes,
        }
    }

    /// The room beside the files that are kept, given as their number and their bytes.
    ///
    /// # Errors
    /// `imports.too_many` when another file is one too many.
    pub(crate) fn room(self, (files, bytes): (u64, u64)) -> Result<Room, CodedError> {
        if files >= self.files {
            return Err(
                CodedError::new(ErrorKind::TooMuch, "imports.too_many").with("max", self.files)
            );
        }
        Ok(Room {
            left: self.bytes.saturating_sub(bytes),
            quota: self.bytes,
        })
    }
}

impl Room {
    /// Refuses what does not fit.
    ///
    /// # Errors
    /// `imports.quota_reached`.
    pub(crate) fn take(self, bytes: u64) -> Result<(), CodedError> {
        if bytes <= self.left {
            return Ok(());
        }
        Err(CodedError::new(ErrorKind::TooMuch, "imports.quota_reached")
            .with("max_gb", self.quota / 1_000_000_000)
            .with("left_mb", self.left / 1_000_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_one_file_too_many_nor_a_byte_too_much_is_taken() {
        let quota = Quota {
            files: 2,
            bytes: 100,
        };
        let refused = quota.room((2, 0)).unwrap_err();
        assert_eq!(
            (refused.code, refused.kind),
            ("imports.too_many", ErrorKind::TooMuch)
        );
        let room = quota.room((1, 60)).unwrap();
        assert!(room.take(40).is_ok());
        assert_eq!(room.take(41).unwrap_err().code, "imports.quota_reached");
        // The quota was lowered below what is kept.
        assert!(quota.room((0, 200)).unwrap().take(1).is_err());
    }
}
