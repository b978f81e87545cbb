//! Hostile and harmless queries, per engine.

use super::*;

const COMMON: &[&str] = &[
    "",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE t",
    "DROP TABLE t",
    "DELETE FROM t",
    "UPDATE t SET a = 1",
    "INSERT INTO t VALUES (1)",
    "INSERT INTO t SELECT * FROM t",
    "CREATE TABLE x (a INT)",
    "ALTER TABLE t ADD a INT",
    "TRUNCATE TABLE t",
    "GRANT SELECT ON t TO x",
    "REVOKE SELECT ON t FROM x",
    "COMMIT",
    "ROLLBACK",
    "BEGIN",
    "SELECT",
    "SELECT * FROM t WHERE",
    "SELECT 'unterminated",
    "SELECT * FROM t /* unterminated",
    "not sql at all",
    "SELECT a INTO x FROM t",
    "WITH d AS (DELETE FROM t RETURNING a) SELECT * FROM d",
    "SELECT * FROM t FOR UPDATE",
    "SELECT xp_cmdshell('dir')",
    "SELECT load_file('/etc/passwd')",
    "SELECT \"load_file\"('/etc/passwd')",
    "SELECT sleep(100)",
    "SELECT * FROM (SELECT sleep(100) AS s) q",
    "SELECT a FROM t WHERE a = (SELECT nextval('s'))",
    "SELECT a FROM t ORDER BY sleep(1)",
    "SELECT CASE WHEN 1 = 1 THEN sleep(9) END",
    "SELECT utl_http.request('http://x/') FROM t",
    "SELECT dbms_lock.sleep(10) FROM t",
    "SET x = 1",
    "CALL p()",
    "EXPLAIN ANALYZE DELETE FROM t",
    "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE",
];

const POSTGRES: &[&str] = &[
    "COPY t TO '/dev/shm/x'",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "DO $$ BEGIN DELETE FROM t; END $$",
    "WITH x AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x",
    "WITH x AS (UPDATE t SET a = 1 RETURNING *) SELECT * FROM x",
    "WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT pg_sleep(1)::text::int FROM r) SELECT * FROM r",
    "SELECT pg_sleep(100)",
    "SELECT \"pg_sleep\"(100)",
    "SELECT PG_SLEEP(100)",
    "SELECT pg_catalog.pg_sleep(100)",
    "SELECT pg_terminate_backend(1)",
    "SELECT pg_cancel_backend(1)",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_try_advisory_xact_lock(1)",
    "SELECT pg_notify('a', 'b')",
    "SELECT pg_reload_conf()",
    "SELECT pg_logical_emit_message(false, 'a', 'b')",
    "SELECT set_config('statement_timeout', '0', false)",
    "SELECT nextval('s')",
    "SELECT setval('s', 1)",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/dev/shm/x')",
    "SELECT lo_unlink(1)",
    "SELECT dblink('host=x', 'DELETE FROM t')",
    "SELECT * FROM dblink('host=x', 'SELECT 1') AS d(a int)",
    "SELECT * FROM pg_read_file('/etc/passwd')",
    "SELECT * FROM t, LATERAL pg_sleep(1)",
    "SELECT query_to_xml('DELETE FROM t', true, true, '')",
    "SELECT database_to_xml(true, true, '')",
    "SELECT ts_stat('SELECT 1')",
    "SELECT http(('GET', 'http://x/', NULL, NULL, NULL)::http_request)",
    "SELECT status FROM http('http://x/')",
    "SELECT public.http('http://x/')",
    "SELECT * FROM ts_stat('SELECT 1')",
    "SELECT * FROM pg_shadow",
    "SELECT * FROM pg_catalog.pg_authid",
    "SELECT * FROM t FOR SHARE",
    "SELECT * FROM t FOR NO KEY UPDATE",
    "SELECT a INTO TEMP x FROM t",
    "LISTEN x",
    "NOTIFY x",
    "LOCK TABLE t",
    "PREPARE p AS DELETE FROM t",
    "EXECUTE p",
    "SET ROLE postgres",
    "SET TRANSACTION READ WRITE",
    "VACUUM",
    "SELECT * FROM t WHERE a = (SELECT pg_sleep(1)::text)",
    "SELECT (SELECT set_config('a.b', 'c', false))",
    "TABLE t; DELETE FROM t",
    "SELECT 1 \\; DELETE FROM t",
];

const MYSQL: &[&str] = &[
    "SELECT * FROM t INTO OUTFILE '/dev/shm/x'",
    "SELECT * INTO OUTFILE '/dev/shm/x' FROM t",
    "SELECT * FROM t INTO DUMPFILE '/dev/shm/x'",
    "SELECT a FROM t INTO @a",
    "SELECT LOAD_FILE('/etc/passwd')",
    "SELECT `load_file`('/etc/passwd')",
    "SELECT SLEEP(100)",
    "SELECT BENCHMARK(1000000000, MD5('x'))",
    "SELECT GET_LOCK('x', 100)",
    "SELECT RELEASE_LOCK('x')",
    "SELECT RELEASE_ALL_LOCKS()",
    "SELECT MASTER_POS_WAIT('x', 1)",
    "SELECT WAIT_FOR_EXECUTED_GTID_SET('x')",
    "SELECT NEXTVAL(s)",
    "SELECT SETVAL(s, 1)",
    "SELECT LASTVAL(s)",
    "SELECT LAST_INSERT_ID(5)",
    "SELECT sys_exec('id')",
    "SELECT sys_eval('id')",
    "SELECT * FROM t FOR UPDATE",
    "SELECT * FROM t LOCK IN SHARE MODE",
    "SELECT /*+ SET_VAR(max_execution_time = 0) */ * FROM t",
    "SELECT @a := 1",
    "SELECT @@global.read_only",
    "SET STATEMENT max_statement_time = 0 FOR SELECT 1",
    "SET GLOBAL general_log = 1",
    "LOAD DATA INFILE '/etc/passwd' INTO TABLE t",
    "HANDLER t OPEN",
    "DO SLEEP(5)",
    "SHOW GRANTS",
    "KILL 1",
    "FLUSH TABLES",
    "LOCK TABLES t WRITE",
    "UNLOCK TABLES",
    "REPLACE INTO t VALUES (1)",
    "RENAME TABLE t TO u",
    "PREPARE p FROM 'DELETE FROM t'",
    "SELECT * FROM t PROCEDURE ANALYSE()",
    "SELECT 1 /*!50000 INTO OUTFILE '/dev/shm/x' */ FROM t",
    "SELECT 1; /*!50000 DELETE FROM t */",
    "START TRANSACTION READ WRITE",
    "SELECT (SELECT SLEEP(3))",
    "SELECT IF(1, SLEEP(3), 0)",
];

const SQLSERVER: &[&str] = &[
    "EXEC xp_cmdshell 'dir'",
    "EXECUTE sp_executesql N'DELETE FROM t'",
    "SELECT * FROM OPENROWSET('SQLNCLI', 'server=x', 'SELECT 1')",
    "SELECT * FROM OPENROWSET(BULK 'c:/x', SINGLE_CLOB) AS x",
    "SELECT * FROM OPENQUERY(linked, 'DELETE FROM t')",
    "SELECT * FROM OPENDATASOURCE('SQLNCLI', 'x').db.dbo.t",
    "SELECT * FROM linked.db.dbo.t",
    "SELECT * FROM [linked].[db].[dbo].[t]",
    "SELECT * INTO x FROM t",
    "SELECT * INTO #x FROM t",
    "SELECT * FROM t WITH (UPDLOCK)",
    "SELECT * FROM t WITH (TABLOCKX)",
    "SELECT * FROM t WITH (XLOCK, HOLDLOCK)",
    "SELECT NEXT VALUE FOR s",
    "WAITFOR DELAY '00:10'",
    "SELECT 1; WAITFOR DELAY '00:10'",
    "SELECT 1 WAITFOR DELAY '00:10'",
    "SELECT 1 DELETE FROM t",
    "SELECT 1 EXEC xp_cmdshell 'x'",
    "SELECT * FROM sys.fn_trace_gettable('c:/x', 1)",
    "SELECT * FROM fn_dump_dblog(1)",
    "SELECT * FROM sys.dm_os_file_exists('c:/x')",
    "SELECT * FROM sys.dm_os_enumerate_filesystem('//other/share', '*')",
    "SELECT * FROM master.sys.dm_os_volume_stats(1, 1)",
    "SELECT * FROM sys.fn_xe_file_target_read_file('x', NULL, NULL, NULL)",
    "SELECT * FROM t FOR XML AUTO",
    "SELECT * FROM t FOR JSON PATH",
    "SELECT * FROM OPENXML(1, '/x')",
    "BULK INSERT t FROM 'c:/x'",
    "SHUTDOWN",
    "KILL 53",
    "USE master",
    "RECONFIGURE",
    "BACKUP DATABASE x TO DISK = 'c:/x'",
    "RESTORE DATABASE x FROM DISK = 'c:/x'",
    "DBCC CHECKDB",
    "DECLARE @a INT",
    "IF 1 = 1 DELETE FROM t",
    "WHILE 1 = 1 SELECT 1",
    "BEGIN TRAN",
    "PRINT 'x'",
    "RAISERROR('x', 16, 1)",
    "SELECT * FROM t; GO DELETE FROM t",
    "DENY SELECT ON t TO x",
    "SELECT sp_who()",
];

const ORACLE: &[&str] = &[
    "SELECT UTL_HTTP.REQUEST('http://x/') FROM dual",
    "SELECT SYS.UTL_HTTP.REQUEST('http://x/') FROM dual",
    "SELECT utl_inaddr.get_host_name('x') FROM dual",
    "SELECT utl_file.fopen('a', 'b', 'w') FROM dual",
    "SELECT utl_smtp.open_connection('x') FROM dual",
    "SELECT DBMS_LOCK.SLEEP(10) FROM dual",
    "SELECT dbms_pipe.receive_message('a', 100) FROM dual",
    "SELECT DBMS_XMLGEN.GETXML('SELECT 1 FROM dual') FROM dual",
    "SELECT dbms_scheduler.create_job('x') FROM dual",
    "SELECT dbms_ldap.init('x', 80) FROM dual",
    "SELECT dbms_java.runjava('x') FROM dual",
    "SELECT HTTPURITYPE('http://x/').getclob() FROM dual",
    "SELECT XMLTYPE('<a/>') FROM dual",
    "SELECT BFILENAME('D', 'f') FROM dual",
    "SELECT s.NEXTVAL FROM dual",
    "SELECT s.CURRVAL FROM dual",
    "SELECT owner.s.nextval FROM dual",
    "SELECT * FROM t@remote",
    "SELECT * FROM t FOR UPDATE",
    "SELECT * FROM t FOR UPDATE NOWAIT",
    "SELECT * FROM t FOR UPDATE SKIP LOCKED",
    "SELECT * FROM sys.user$",
    "SELECT * FROM SYS.LINK$",
    "SELECT * FROM TABLE(dbms_xplan.display)",
    "SELECT * FROM TABLE(utl_x.y('a'))",
    "BEGIN DELETE FROM t; END;",
    "DECLARE x NUMBER; BEGIN NULL; END;",
    "EXECUTE IMMEDIATE 'DROP TABLE t'",
    "ALTER SESSION SET CURRENT_SCHEMA = sys",
    "ALTER SYSTEM KILL SESSION '1,1'",
    "LOCK TABLE t IN EXCLUSIVE MODE",
    "EXPLAIN PLAN FOR SELECT 1 FROM dual",
    "WITH FUNCTION f RETURN NUMBER IS BEGIN RETURN 1; END; SELECT f FROM dual",
    "SELECT owa_util.get_cgi_env('x') FROM dual",
    "SELECT apex_web_service.make_rest_request('http://x') FROM dual",
    "SELECT sys_dburigen(a) FROM t",
    "SELECT htp.p('x') FROM dual",
    "PURGE RECYCLEBIN",
    "FLASHBACK TABLE t TO BEFORE DROP",
    "CREATE OR REPLACE PROCEDURE p AS BEGIN NULL; END;",
    "NOAUDIT ALL",
    "SELECT /*+ PARALLEL(64) */ * FROM t",
];

fn refused(db: DbType, queries: &[&str]) {
    for query in queries {
        let outcome = check(db, query);
        let Err(error) = outcome else {
            panic!("{db:?} takes {query:?} as {outcome:?}")
        };
        assert!(error.code.starts_with("sql.query_"), "{query}: {error}");
    }
}

#[test]
fn no_engine_takes_anything_but_one_plain_select() {
    for db in [
        DbType::Postgres,
        DbType::Mysql,
        DbType::SqlServer,
        DbType::Oracle,
    ] {
        // A quoted name can be a text in MySQL's words; there it is no call at all.
        let common: Vec<&str> = COMMON
            .iter()
            .copied()
            .filter(|q| !(db == DbType::Mysql && q.contains('"')))
            .collect();
        refused(db, &common);
    }
}

#[test]
fn postgresql_refuses_fifty_ways_to_do_more_than_read() {
    refused(DbType::Postgres, POSTGRES);
}

#[test]
fn mysql_refuses_forty_ways_to_do_more_than_read() {
    refused(DbType::Mysql, MYSQL);
}

#[test]
fn sql_server_refuses_forty_ways_to_do_more_than_read() {
    refused(DbType::SqlServer, SQLSERVER);
}

#[test]
fn oracle_refuses_forty_ways_to_do_more_than_read() {
    refused(DbType::Oracle, ORACLE);
}

#[test]
fn the_queries_people_really_write_pass() {
    for query in [
        "SELECT ts, tag, value FROM history",
        "SELECT h.ts, t.name AS tag, h.value FROM history h JOIN tags t ON t.id = h.tag_id WHERE h.value > 0",
        "WITH last AS (SELECT tag, MAX(ts) AS ts FROM history GROUP BY tag) SELECT h.ts, h.tag, h.value FROM history h JOIN last l ON l.tag = h.tag AND l.ts = h.ts",
        "SELECT ts, tag, CASE WHEN state = 'RUN' THEN 1 ELSE 0 END AS value FROM states",
        "SELECT ts, 'a' AS tag, COALESCE(x, 0) AS value FROM a UNION ALL SELECT ts, 'b', y FROM b",
        "SELECT ts, tag, AVG(value) OVER (PARTITION BY tag ORDER BY ts) AS value FROM history",
        "SELECT ts, CONCAT('U1.', tag) AS tag, value FROM history -- a remark",
        "SELECT ts, N AS tag, v AS value FROM copy_of_values",
    ] {
        for db in [
            DbType::Postgres,
            DbType::Mysql,
            DbType::SqlServer,
            DbType::Oracle,
        ] {
            assert!(
                check(db, query).is_ok(),
                "{db:?} {query}: {:?}",
                check(db, query)
            );
        }
    }
    for (db, query) in [
        (
            DbType::Postgres,
            "SELECT to_timestamp(ts / 1000.0) AS ts, tag, value::float8 FROM h WHERE tag ~ '^P-'",
        ),
        (
            DbType::Postgres,
            "SELECT ts AT TIME ZONE 'Asia/Riyadh' AS ts, data->>'v' AS value FROM h",
        ),
        (
            DbType::Mysql,
            "SELECT FROM_UNIXTIME(ts) AS ts, `tag`, `value` FROM `h` WHERE note = 'it\\'s'",
        ),
        (
            DbType::SqlServer,
            "SELECT [ts], [tag], CAST([value] AS float) AS [value] FROM [dbo].[h] WITH (NOLOCK)",
        ),
        (
            DbType::SqlServer,
            "SELECT TOP 10 ts, tag, value FROM dbo.h ORDER BY ts DESC",
        ),
        (
            DbType::Oracle,
            "SELECT TO_DATE(d, 'YYYY-MM-DD') AS ts, tag, value FROM plant.h WHERE ROWNUM < 10",
        ),
        (
            DbType::Oracle,
            "SELECT ts, tag, NVL(value, 0) AS value FROM h",
        ),
        (DbType::SqlServer, "SELECT ts, http AS value FROM dbo.http"),
    ] {
        assert!(
            check(db, query).is_ok(),
            "{db:?} {query}: {:?}",
            check(db, query)
        );
    }
}

#[test]
fn what_is_sent_has_no_comments_and_no_useless_order_and_keeps_its_literals() {
    let checked = check(
        DbType::Postgres,
        "WITH a AS (SELECT 1 AS x) SELECT x, 'it''s -- not a remark' AS t FROM a /* remark */ ORDER BY x -- end",
    )
    .unwrap();
    assert_eq!(checked.with, "WITH a AS (SELECT 1 AS x) ");
    assert_eq!(
        checked.body,
        "SELECT x, 'it''s -- not a remark' AS t FROM a"
    );
    let kept = check(DbType::SqlServer, "SELECT TOP 5 a FROM t ORDER BY a").unwrap();
    assert!(kept.body.ends_with("ORDER BY a"), "{}", kept.body);
    let escaped = check(DbType::Mysql, r"SELECT 'a\\', 'b\'c', 'd''e' FROM t").unwrap();
    assert_eq!(escaped.body, r"SELECT 'a\\', 'b\'c', 'd''e' FROM t");
}

#[test]
fn a_query_that_nests_or_lasts_without_end_is_refused_in_time() {
    let deep = format!("SELECT {}1{}", "(".repeat(9_000), ")".repeat(9_000));
    assert_eq!(
        check(DbType::Postgres, &deep).unwrap_err().code,
        "sql.query_unreadable"
    );
    let long = format!("SELECT '{}'", "x".repeat(MAX_LENGTH));
    assert_eq!(
        check(DbType::Postgres, &long).unwrap_err().code,
        "connector.field_too_long"
    );
}

#[test]
fn a_refusal_names_the_construct() {
    let construct = |db, query| check(db, query).unwrap_err().params["construct"].clone();
    assert_eq!(
        construct(DbType::Postgres, "SELECT pg_sleep(1)"),
        "pg_sleep"
    );
    assert_eq!(
        construct(DbType::Postgres, "SELECT * FROM t FOR UPDATE"),
        "FOR UPDATE / FOR SHARE"
    );
    assert_eq!(
        construct(DbType::Oracle, "SELECT UTL_HTTP.REQUEST('x') FROM dual"),
        "UTL_HTTP.REQUEST"
    );
}
