//! What drivers and servers say, as coded errors a person can act on.

use iq_domain::{CodedError, ErrorKind};

use crate::config::{DbType, Target};

pub(crate) fn upstream(code: &'static str) -> CodedError {
    CodedError::new(ErrorKind::Upstream, code)
}

/// The address and the engine are in every sentence about a server.
pub(crate) fn about(target: &Target, code: &'static str) -> CodedError {
    upstream(code)
        .with("host", &target.host)
        .with("engine", target.db.name())
}

/// A SQLSTATE of PostgreSQL.
pub(crate) fn postgres_code(state: &str) -> &'static str {
    match state {
        "28P01" | "28000" => "auth.bad_credentials",
        "3D000" => "sql.database_unknown",
        "42P01" | "3F000" => "sql.table_unknown",
        "42703" => "sql.column_unknown",
        "42501" => "sql.permission_denied",
        "57014" => "sql.query_too_slow",
        "55P03" | "40P01" => "sql.locked",
        "53300" | "53400" => "sql.too_many_connections",
        "25006" | "25P02" => "sql.write_refused",
        "57P01" | "57P02" | "57P03" | "53100" | "53200" => "sql.server_unavailable",
        s if s.starts_with("42") => "sql.query_refused",
        s if s.starts_with("22") => "sql.data_unreadable",
        s if s.starts_with("08") => "sql.connection_lost",
        _ => "sql.failed",
    }
}

/// An error number of MySQL or MariaDB.
pub(crate) fn mysql_code(number: u16) -> &'static str {
    match number {
        1045 | 1698 | 3118 | 4151 => "auth.bad_credentials",
        1049 => "sql.database_unknown",
        1146 | 1109 => "sql.table_unknown",
        1054 => "sql.column_unknown",
        1044 | 1142 | 1143 | 1227 | 1370 => "sql.permission_denied",
        3024 | 1969 | 1317 => "sql.query_too_slow",
        1205 | 1213 => "sql.locked",
        1040 | 1203 | 1226 => "sql.too_many_connections",
        1129 | 1130 => "sql.client_refused",
        1792 | 1290 | 1223 => "sql.write_refused",
        1053 | 1077 | 1927 => "sql.server_unavailable",
        3159 => "sql.tls_required",
        1064 | 1060 | 1052 | 1055 | 1305 | 1247 => "sql.query_refused",
        1292 | 1366 | 1264 | 1690 => "sql.data_unreadable",
        _ => "sql.failed",
    }
}

/// An error number of SQL Server.
pub(crate) fn sqlserver_code(number: u32) -> &'static str {
    match number {
        18456 | 18452 | 18486 | 18487 | 18488 => "auth.bad_credentials",
        4060 | 911 => "sql.database_unknown",
        208 => "sql.table_unknown",
        207 => "sql.column_unknown",
        229 | 230 | 262 | 297 | 300 | 916 => "sql.permission_denied",
        1222 | 1205 => "sql.locked",
        17809 | 10928 | 10929 => "sql.too_many_connections",
        3906 => "sql.write_refused",
        6005 | 40613 | 40197 | 17142 => "sql.server_unavailable",
        102 | 105 | 156 | 195 | 319 | 1033 | 8155 | 8156 => "sql.query_refused",
        241 | 242 | 245 | 8114 | 8115 => "sql.data_unreadable",
        _ => "sql.failed",
    }
}

/// An `ORA-` number.
#[cfg(any(feature = "oracle", test))]
pub(crate) fn oracle_code(number: u32) -> &'static str {
    match number {
        1017 | 1005 | 28000 | 28001 => "auth.bad_credentials",
        12514 | 12505 | 1034 | 12528 => "sql.database_unknown",
        942 | 4043 => "sql.table_unknown",
        904 => "sql.column_unknown",
        1031 | 1045 => "sql.permission_denied",
        1013 | 3136 => "sql.query_too_slow",
        54 | 30006 => "sql.locked",
        18 | 20 | 12516 | 12519 | 12520 => "sql.too_many_connections",
        1456 | 16000 => "sql.write_refused",
        1033 | 1089 | 1090 | 12526 | 12527 => "sql.server_unavailable",
        12660 | 12650 | 12599 => "sql.oracle_native_encryption",
        28759 | 29024 | 28860 => "sql.tls_failed",
        900..=999 => "sql.query_refused",
        1722 | 1839..=1879 => "sql.data_unreadable",
        _ => "sql.failed",
    }
}

/// The coded error for a code found above and the server's own words.
pub(crate) fn server_said(target: &Target, code: &'static str, words: &str) -> CodedError {
    let error = about(target, code).with("detail", words);
    match code {
        "sql.database_unknown" => error.with("database", &target.database),
        _ => error,
    }
}

/// What a failed handshake means, from the words of the TLS library.
pub(crate) fn tls(target: &Target, words: &str) -> CodedError {
    let code = if words.contains("NotValidForName") || words.contains("not valid for name") {
        "sql.tls_name_mismatch"
    } else if words.contains("Expired") || words.contains("expired") {
        "sql.tls_expired"
    } else if words.contains("UnknownIssuer")
        || words.contains("unknown issuer")
        || words.contains("CaUsedAsEndEntity")
        || words.contains("BadSignature")
    {
        "sql.tls_untrusted"
    } else if words.contains("does not support TLS")
        || words.contains("does not support SSL")
        || words.contains("does not allow the requested encryption")
    {
        "sql.tls_not_offered"
    } else {
        "sql.tls_failed"
    };
    about(target, code).with("detail", words)
}

/// The error of a driver of PostgreSQL or MySQL.
pub(crate) fn from_sqlx(target: &Target, error: &sqlx::Error) -> CodedError {
    match error {
        sqlx::Error::Database(database) => {
            let words = database.message();
            let code = match target.db {
                DbType::Postgres => postgres_code(database.code().as_deref().unwrap_or_default()),
                _ => mysql_number(&**database).map_or("sql.failed", mysql_code),
            };
            server_said(target, code, words)
        }
        sqlx::Error::Tls(cause) => tls(target, &cause.to_string()),
        sqlx::Error::Io(cause) => {
            let words = cause.to_string();
            // The TLS library reports a refused certificate as an error of the stream.
            if words.contains("certificate") || words.contains("tls") || words.contains("TLS") {
                return tls(target, &words);
            }
            about(target, "sql.connection_lost").with("detail", words)
        }
        sqlx::Error::Protocol(words) => upstream("test.protocol_unexpected")
            .with("address", target.address())
            .with("protocol", target.db.name())
            .with("detail", words),
        sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed | sqlx::Error::PoolTimedOut => {
            about(target, "sql.connection_lost").with("detail", "closed")
        }
        sqlx::Error::ColumnDecode { source, .. } | sqlx::Error::Decode(source) => {
            about(target, "sql.data_unreadable").with("detail", source)
        }
        other => about(target, "sql.failed").with("detail", other),
    }
}

fn mysql_number(error: &dyn sqlx::error::DatabaseError) -> Option<u16> {
    error
        .try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
        .map(sqlx::mysql::MySqlDatabaseError::number)
}

/// Whether trying again soon could lock an account, or can't help until a person changes something.
pub(crate) fn is_about_credentials(error: &CodedError) -> bool {
    matches!(
        error.code,
        "auth.bad_credentials" | "sql.login_too_powerful" | "sql.client_refused"
    )
}

/// Whether a query took too long, in the words of the engine or by our own clock: asking for less may
/// help.
pub(crate) fn is_too_slow(error: &CodedError) -> bool {
    matches!(error.code, "sql.query_too_slow" | "sql.timeout")
}

/// Whether the session behind an error can't be used any more.
pub(crate) fn ends_session(error: &CodedError) -> bool {
    !matches!(
        error.code,
        "sql.table_unknown"
            | "sql.column_unknown"
            | "sql.permission_denied"
            | "sql.query_refused"
            | "sql.data_unreadable"
            | "sql.write_refused"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_mishap_has_the_same_code_on_every_engine() {
        for (code, pg, my, ms, ora) in [
            ("auth.bad_credentials", "28P01", 1045, 18456, 1017),
            ("sql.database_unknown", "3D000", 1049, 4060, 12514),
            ("sql.table_unknown", "42P01", 1146, 208, 942),
            ("sql.column_unknown", "42703", 1054, 207, 904),
            ("sql.permission_denied", "42501", 1142, 229, 1031),
            ("sql.write_refused", "25006", 1792, 3906, 1456),
            ("sql.too_many_connections", "53300", 1040, 17809, 20),
        ] {
            assert_eq!(postgres_code(pg), code);
            assert_eq!(mysql_code(my), code);
            assert_eq!(sqlserver_code(ms), code);
            assert_eq!(oracle_code(ora), code);
        }
    }
}
