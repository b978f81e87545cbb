//! What the damage is done to: right files of every kind, committed or made here.

use std::{fs, path::PathBuf};

use iq_sync_proto::{
    Head, Line, Signed,
    batch::{Run, pack},
    changes, courier,
    enrol::{self, Code, Request},
    leaf_hash,
    receipt::Receipt,
};

use super::entries;

const LINE: Line = Line {
    epoch: [3; 16],
    stream: 1,
};

/// The right inputs of an entry point, the plainest first.
pub(crate) fn of(name: &str) -> Vec<Vec<u8>> {
    match name {
        "evidence_file" => folder("tests/evidence/golden", "oqe"),
        "evidence_parts" => evidence_parts(),
        "trust_list" => folder("tests/evidence/golden", "keys"),
        "sync_batch" => vec![batch()],
        "sync_messages" => sync_messages(),
        "courier_bundle" => courier_bundles(),
        "backup" => vec![
            read("tests/fixtures/stores/0.1.0-schema-0021.backup"),
            entries::BACKUP_KEY.as_bytes().to_vec(),
        ],
        "opcua_value" => opcua_values(),
        "opcua_certificate" => certificates(),
        "pi_answer" => texts(&PI_ANSWERS),
        "sql_cell" => texts(&CELLS),
        "sql_query" => texts(&QUERIES),
        "import_file" => import_files(),
        "mapping_sheet" => texts(&[SHEET]),
        "rule_pack" => rule_packs(),
        "historian_chunk" => [false, true]
            .map(|is_mixed| {
                [
                    &[0_u8, 0][..],
                    &iq_historian::hooks::made_chunk(is_mixed)[..],
                ]
                .concat()
            })
            .to_vec(),
        "oidc" => texts(&[entries::METADATA, entries::KEYS, TOKEN]),
        "release" => texts(&[SIGNATURE, "1.2.3"]),
        other => unreachable!("nothing begins as {other}"),
    }
}

fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn read(path: &str) -> Vec<u8> {
    fs::read(root().join(path)).unwrap()
}

fn folder(path: &str, ending: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join(path))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|file| file.extension().is_some_and(|e| e == ending))
        .collect();
    // Always in this order, the good ones first.
    files.sort_by_key(|file| {
        let name = file.display().to_string();
        (!name.contains("good"), name)
    });
    // A large one would be most of what is tried.
    let all = files.iter().map(|file| fs::read(file).unwrap());
    all.filter(|bytes| bytes.len() < 200_000).collect()
}

fn evidence_parts() -> Vec<Vec<u8>> {
    let files = folder("tests/evidence/golden", "oqe");
    let bundle = iq_evidence::bundle::Bundle::decode(&files[0]).unwrap();
    let record = bundle.records[0].bytes.to_vec();
    let note = bundle.checkpoint.as_bytes().to_vec();
    vec![record, bundle.manifest.to_vec(), note, files[0].clone()]
}

/// Records in the form of the evidence log.
fn records() -> Vec<Vec<u8>> {
    use iq_domain::cbor::Value;
    let mut log: Vec<Vec<u8>> = Vec::new();
    for seq in 1..=6 {
        let prev = log.last().map_or([0; 32], |last| leaf_hash(last));
        let record = Value::map([
            (1, Value::Int(1)),
            (2, Value::Bytes(&[1; 16])),
            (3, Value::Bytes(&[2; 16])),
            (4, Value::Bytes(&LINE.epoch)),
            (5, Value::Int(1)),
            (6, Value::count(seq)),
            (7, Value::Bytes(&prev)),
            (8, Value::Text("event")),
            (17, Value::map([(0, Value::Int(0))])),
        ]);
        log.push(record.encode());
    }
    log
}

fn batch() -> Vec<u8> {
    let run = Run {
        tenant: [1; 16],
        appliance: [2; 16],
        line: LINE,
        after: Head::EMPTY,
        records: &records(),
    };
    pack(run, &entries::signing_key()).unwrap().unwrap().bytes
}

fn sync_messages() -> Vec<Vec<u8>> {
    let key = entries::signing_key();
    let head = Head {
        seq: 6,
        hash: [5; 32],
    };
    let receipt = Receipt {
        tenant: [1; 16],
        appliance: [2; 16],
        hub_key: key.public().id(),
        at_ms: 1_750_000_000_000,
        marks: vec![(LINE, head)],
    };
    let request = Request {
        code: Code([4; 16]),
        tenant: [1; 16],
        appliance: [2; 16],
        key: key.public().to_bytes(),
        recipient: "age1x".to_owned(),
        name: "Jubail".to_owned(),
        version: "0.1.0".to_owned(),
    };
    vec![
        receipt.encode(),
        receipt.sign(&key).encode(),
        iq_sync_proto::receipt::encode_file(&[receipt.sign(&key)]),
        Signed::new(changes::TAG, receipt.encode(), &key).encode(),
        Signed::new(enrol::ANSWER_TAG, receipt.encode(), &key).encode(),
        request.code.text().into_bytes(),
        request.sign(&key).encode(),
    ]
}

fn courier_bundles() -> Vec<Vec<u8>> {
    let file_key = iq_secrets::FileKey::from_bytes(&[9; 32]);
    let manifest = courier::Manifest {
        tenant: [1; 16],
        appliance: [2; 16],
        recipient: file_key.recipient(),
        number: 1,
        created_ms: 1_750_000_000_000,
        nonce: [8; 16],
        ranges: vec![(LINE, 1, 6)],
        batches: Vec::new(),
    };
    let plain = courier::write(manifest, &[batch()], &entries::signing_key());
    let sealed = iq_secrets::seal_file(&file_key.recipient(), &plain).unwrap();
    vec![plain, sealed]
}

/// Values as OPC UA Part 6 writes them: a mask, then what it names.
fn opcua_values() -> Vec<Vec<u8>> {
    let double = [&[0x01_u8, 11][..], &41.5_f64.to_le_bytes()].concat();
    let mut timed = [&[0x0f_u8, 11][..], &41.5_f64.to_le_bytes()].concat();
    timed.extend(0_u32.to_le_bytes());
    timed.extend(133_500_000_000_000_000_i64.to_le_bytes());
    timed.extend(133_500_000_000_000_000_i64.to_le_bytes());
    let text = [&[0x01_u8, 12][..], &5_u32.to_le_bytes(), b"valve"].concat();
    let mut list = vec![0x01_u8, 11 | 0x80];
    list.extend(2_u32.to_le_bytes());
    list.extend([1.0_f64, 2.0].iter().flat_map(|v| v.to_le_bytes()));
    // A value within a value, twice.
    let nested = vec![0x01, 24, 24, 1, 1];
    let field = [&[12_u8][..], &3_u32.to_le_bytes(), b"PSV"].concat();
    let address = b"nsu=urn:a;s=P101.VIB_DE".to_vec();
    vec![double, timed, text, list, nested, field, address]
}

fn certificates() -> Vec<Vec<u8>> {
    let made = rcgen::generate_simple_self_signed(["plant.example".to_owned()]).unwrap();
    vec![made.cert.der().to_vec(), made.cert.pem().into_bytes()]
}

fn import_files() -> Vec<Vec<u8>> {
    let long = "Timestamp;Tag;Value;Quality\r\n2025-03-30 01:30:00;P-102A.VIB;1,25;Good\r\n\
        2025-03-30 03:30:00;P-102A.VIB;\"1.234,5\";Bad\r\n";
    let wide = "time,VIB_DE,TEMP\n2025-01-01T00:00:00Z,1.5,70\n2025-01-01T00:01:00Z,1.6,71\n";
    let arabic = "الوقت\tالوسم\tالقيمة\n٢٠٢٥-٠١-٠١ ٠٠:٠٠\tضخ\t١٫٥\n";
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(wide.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    vec![
        long.as_bytes().to_vec(),
        wide.as_bytes().to_vec(),
        arabic.as_bytes().to_vec(),
        utf16,
        workbook(),
    ]
}

/// The parts of the smallest workbook.
const WORKBOOK: [(&str, &str); 5] = [
    (
        "[Content_Types].xml",
        r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>"#,
    ),
    (
        "_rels/.rels",
        r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
    ),
    (
        "xl/workbook.xml",
        r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Trend" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
    ),
    (
        "xl/_rels/workbook.xml.rels",
        r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
    ),
    (
        "xl/worksheets/sheet1.xml",
        r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>Timestamp</t></is></c><c r="B1" t="inlineStr"><is><t>VIB</t></is></c></row><row r="2"><c r="A2" t="inlineStr"><is><t>2025-01-01 00:00:00</t></is></c><c r="B2"><v>1.5</v></c></row><row r="3"><c r="A3"><v>45658.5</v></c><c r="B3"><v>1.6</v></c></row></sheetData></worksheet>"#,
    ),
];

/// A workbook whose parts are stored as they are, so that damage reaches the XML.
fn workbook() -> Vec<u8> {
    let (mut file, mut list) = (Vec::new(), Vec::new());
    for (name, text) in WORKBOOK {
        let at = u32::try_from(file.len()).unwrap();
        let mut hasher = flate2::Crc::new();
        hasher.update(text.as_bytes());
        let (length, name_length) = (
            u32::try_from(text.len()).unwrap(),
            u16::try_from(name.len()).unwrap(),
        );
        // Version 2.0, no flags, stored, midnight of the first day there is.
        let mut about = vec![20, 0, 0, 0, 0, 0, 0, 0, 33, 0];
        about.extend(hasher.sum().to_le_bytes());
        about.extend([length.to_le_bytes(), length.to_le_bytes()].concat());
        about.extend(name_length.to_le_bytes());
        about.extend([0, 0]);
        file.extend(b"PK\x03\x04".iter().chain(&about));
        file.extend(name.bytes().chain(text.bytes()));
        list.extend(b"PK\x01\x02\x14\x00".iter().chain(&about));
        list.extend([0; 10]);
        list.extend(at.to_le_bytes());
        list.extend(name.bytes());
    }
    let (at, size) = (
        u32::try_from(file.len()).unwrap(),
        u32::try_from(list.len()).unwrap(),
    );
    file.extend(list);
    file.extend(b"PK\x05\x06\0\0\0\0\x05\0\x05\0");
    file.extend([size.to_le_bytes(), at.to_le_bytes()].concat());
    file.extend([0, 0]);
    file
}

fn rule_packs() -> Vec<Vec<u8>> {
    let mut all = folder("core/iq-blackbox/packs", "json");
    all.extend(texts(&CONDITIONS));
    all
}

const CONDITIONS: [&str; 3] = [
    "vibration_de rises",
    "not (a above 3) and b below 5",
    "happened(trip) within 10 min",
];
const PI_ANSWERS: [&str; 5] = [
    r#"{"Items":[{"Timestamp":"2026-01-01T00:00:00.1234567Z","Value":1.5,"Good":true},{"Timestamp":"2026-01-01T00:00:01Z","Value":{"Name":"No Data","Value":248,"IsSystem":true}},{"Timestamp":"2026-01-01T00:00:02Z","Value":"NaN"}]}"#,
    r#"{"Links":{"Next":null},"Items":[{"WebId":"F1DP","Items":[{"Timestamp":"*-1h","Value":true,"Questionable":true}],"Errors":[{"FieldName":"x","Message":["y"]}]}]}"#,
    r#"{"Items":[{"WebId":"F1Fm1","Id":"a-1","Name":"K-202","Severity":"Major","StartTime":"2025-06-15T14:00:00Z","EndTime":"9999-12-31T23:59:59Z","RefElementWebIds":["E1"],"IsAcknowledged":false}]}"#,
    r#"{"0":{"Status":200,"Content":{"Items":[{"Timestamp":"2026-01-01T00:00:00Z","Value":7}]}},"1":{"Status":500,"Content":null}}"#,
    r#"{"WebException":{"StatusCode":502,"Errors":["broken"]},"Errors":["text",{"FieldName":"a","Message":["b"]},7]}"#,
];
const CELLS: [&str; 9] = [
    "12.5",
    "2025-03-30 02:30:00",
    "2025-10-26 02:30:00.123456",
    "2025-10-26T02:30:00+02:00",
    "-1.7976931348623157E+308",
    "true",
    "NaN",
    "٤٢",
    "192",
];
const QUERIES: [&str; 4] = [
    "SELECT a, b FROM t WHERE a > 1",
    "WITH x AS (SELECT 1 AS a) SELECT a FROM x UNION ALL SELECT a FROM y",
    "SELECT CASE WHEN a IN (SELECT b FROM c) THEN 'x' ELSE \"y\" END FROM d JOIN e ON d.f = e.f",
    "DELETE FROM t; SELECT pg_sleep(10)",
];
const SHEET: &str = "source\texternal_tag\tasset\tmetric\tunit\tscale\n\
    DCS\tP102A.VIB\tP-102A\tvibration_de\tmm/s\t1,0\n";
/// An unsigned token of that provider: header, claims, and a signature of nothing.
const TOKEN: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImEifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJzdWIiOiJ1IiwiYXVkIjoib3B0cmlhIiwiZXhwIjoxNzUwMDAwMzAwLCJpYXQiOjE3NTAwMDAwMDAsIm5vbmNlIjoibm9uY2UifQ.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const SIGNATURE: &str = "untrusted comment: signature from minisign secret key\nRUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=\ntrusted comment: timestamp:1556193335\tfile:test\ny/rUw2y8/hOUYjZU71eHp/Wo1KZ40fGy2VJEDl34XMJM+TX48Ss/17u3IvIfbVR1FkZZSNCisQbuQY+bHwhEBg==\n";
