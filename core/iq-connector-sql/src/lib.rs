//! External databases, read only: PostgreSQL, MySQL and MariaDB, SQL Server, Oracle.
