//! Gateways that misbehave: what they send is bounded, and nothing they say makes the connector lose
//! rows, send twice, follow a link or wait for ever.

#[path = "../../../tests/peers/eam_rig.rs"]
mod eam_rig;
mod stub;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use eam_rig::{Reading, context, draft, loopback, with};
use iq_connector::{Connector, ConnectorContext, PushError, StreamPhase, conformance};
use iq_connector_eam::EamConnector;
use iq_domain::WorkOrderKind;
use serde_json::{Value, json};
use stub::{Asked, Stub, Told};

/// What a gateway answers.
type Answer = fn() -> Told;

const PATIENCE: Duration = Duration::from_secs(30);

fn sap() -> EamConnector {
    EamConnector::sap_pm()
}

fn sending(port: u16) -> Result<ConnectorContext> {
    let more = json!({"username": "u", "password": "classified", "plant_code": "1010",
        "work_order_sync_mode": "push_and_sync"});
    context(&sap(), &with(loopback(port), more), BTreeMap::new())
}

fn rows(rows: Value, count: &str, next: Option<String>) -> Told {
    Told::json(
        200,
        &json!({"d": {"results": rows, "__count": count, "__next": next}}),
    )
}

fn empty() -> Told {
    rows(json!([]), "0", None)
}

/// A gateway that gives its token and otherwise does what `script` says.
async fn gateway(script: impl Fn(&Asked) -> Option<Told> + Send + Sync + 'static) -> Result<Stub> {
    Stub::start(move |asked| {
        if asked.headers.get("x-csrf-token").map(String::as_str) == Some("Fetch") {
            return Told::json(200, &json!({"d": {"EntitySets": []}}))
                .with("x-csrf-token", "token-1")
                .with("Set-Cookie", "SAP_SESSIONID_DEV_100=abc; path=/; HttpOnly");
        }
        script(asked).unwrap_or_else(empty)
    })
    .await
}

/// The code the connector stands at after it has tried to read.
async fn code_of_reading(stub: &Stub) -> Result<&'static str> {
    let mut reading = Reading::start(&sap(), sending(stub.port)?);
    let state = reading
        .phase(PATIENCE, |s| matches!(s.phase, StreamPhase::Error(_)))
        .await?;
    assert!(reading.stop().await < Duration::from_secs(5));
    match state.phase {
        StreamPhase::Error(error) => Ok(error.code),
        other => anyhow::bail!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_repeats_itself_does_not_go_on_for_ever() -> Result<()> {
    let stub = gateway(|_| {
        let row = json!([{"FunctionalLocation": "RAS"}]);
        Some(rows(
            row,
            "999999999",
            Some("https://x/?$skiptoken=1".into()),
        ))
    })
    .await?;
    assert_eq!(code_of_reading(&stub).await?, "eam.paging_stuck");
    assert!(stub.asked().len() < 10, "{}", stub.asked().len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_ignores_order_or_filter_is_named() -> Result<()> {
    for second in ["/Date(1000)/", "/Date(1)/"] {
        let stub = gateway(move |asked| {
            asked.path.ends_with("/MaintenanceOrder").then(|| {
                let first = if second == "/Date(1)/" {
                    "/Date(1)/"
                } else {
                    "/Date(4102444800000)/"
                };
                let row =
                    |n: &str, at: &str| json!({"MaintenanceOrder": n, "LastChangeDateTime": at});
                rows(json!([row("1", first), row("2", second)]), "2", None)
            })
        })
        .await?;
        assert_eq!(code_of_reading(&stub).await?, "eam.order_ignored");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_link_of_the_source_is_followed() -> Result<()> {
    let elsewhere = Stub::start(|_| empty()).await?;
    let link = format!("http://127.0.0.1:{}/steal?$skiptoken=2", elsewhere.port);
    let pages = Arc::new(AtomicUsize::new(0));
    let count = pages.clone();
    let stub = gateway(move |asked| {
        if !asked.path.ends_with("/FunctionalLocation") {
            return None;
        }
        let page = count.fetch_add(1, Ordering::SeqCst);
        let row = json!([{"FunctionalLocation": format!("L-{page}"), "__metadata": {"uri": link}}]);
        Some(rows(
            row,
            &(3 - page.min(3)).to_string(),
            (page < 2).then(|| link.clone()),
        ))
    })
    .await?;
    let mut reading = Reading::start(&sap(), sending(stub.port)?);
    reading
        .until(PATIENCE, |r| r.is_complete("functional_locations"))
        .await?;
    assert_eq!(reading.records.len(), 3);
    reading.stop().await;
    assert!(elsewhere.asked().is_empty(), "a link was followed");
    let asked = stub.asked();
    let with_position = asked
        .iter()
        .filter(|a| a.query.get("$filter").is_some_and(|f| f.contains("gt 'L-")));
    assert_eq!(
        with_position.count(),
        2,
        "the position is asked for at our own address"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_no_clear_answer_to_a_creation_is_unknown() -> Result<()> {
    let answers: [(&str, Answer); 6] = [
        ("a logon page", || {
            Told::text(200, "text/html", "<html>Logon</html>")
        }),
        ("a redirection", || {
            Told::text(302, "text/html", "").with("Location", "/logon")
        }),
        ("a gateway's time-out", || {
            Told::text(504, "text/html", "<html>504</html>")
        }),
        ("a server error", || {
            Told::json(
                500,
                &json!({"error": {"code": "X", "message": {"value": "dump"}}}),
            )
        }),
        ("an empty success", || {
            Told::text(201, "application/json", "")
        }),
        ("a number that is none", || {
            Told::json(201, &json!({"d": {"MaintenanceOrder": "a\u{202E}b"}}))
        }),
    ];
    for (name, answer) in answers {
        let posts = Arc::new(AtomicUsize::new(0));
        let count = posts.clone();
        let stub = gateway(move |asked| {
            (asked.method == "POST").then(|| {
                count.fetch_add(1, Ordering::SeqCst);
                answer()
            })
        })
        .await?;
        let ctx = sending(stub.port)?;
        let maintenance = sap().maintenance().context("it takes work orders")?;
        let plan = maintenance.plan(&ctx, &draft(WorkOrderKind::Order, "OPQ-1"))?;
        let outcome = maintenance.push(&ctx, &plan).await;
        assert!(
            matches!(outcome, Err(PushError::Unknown(_))),
            "{name}: {outcome:?}"
        );
        assert_eq!(posts.load(Ordering::SeqCst), 1, "{name}: sent once");
        let sent = stub
            .asked()
            .into_iter()
            .find(|a| a.method == "POST")
            .context("a creation")?;
        assert_eq!(sent.headers["cookie"], "SAP_SESSIONID_DEV_100=abc");
        assert_eq!(
            serde_json::from_slice::<Value>(&sent.body)?,
            plan.payload,
            "what was approved is sent"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_does_not_search_is_no_proof_that_nothing_is_there() -> Result<()> {
    let stub = gateway(|asked| {
        asked.path.ends_with("/MaintenanceOrder").then(|| {
            rows(
                json!([{"MaintenanceOrder": "1", "AdditionalDeviceData": "other"}]),
                "1",
                None,
            )
        })
    })
    .await?;
    let maintenance = sap().maintenance().context("it takes work orders")?;
    let error = maintenance
        .find_by_reference(&sending(stub.port)?, "OPQ-1")
        .await
        .expect_err("a row without the reference");
    assert_eq!(error.code, "eam.search_unreliable");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_gateway_does_not_keep_the_connector_from_stopping() -> Result<()> {
    let stub = gateway(|_| Some(empty().after(Duration::from_secs(600)))).await?;
    let reading = Reading::start(&sap(), sending(stub.port)?);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while stub.asked().is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "it does not ask");
        tokio::task::yield_now().await;
    }
    assert!(reading.stop().await < Duration::from_secs(5));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_are_not_tried_again_and_again() -> Result<()> {
    let stub = Stub::start(|_| Told::text(401, "text/html", "<html>no</html>")).await?;
    assert_eq!(code_of_reading(&stub).await?, "auth.bad_credentials");
    assert_eq!(stub.asked().len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_see_one_kind_still_reads_the_others() -> Result<()> {
    let stub = gateway(|asked| {
        if asked.path.contains("API_MAINTNOTIFICATION") {
            let words = json!({"error": {"code": "/IWFND/MED/170", "message": {"value": "No service found"}}});
            return Some(Told::json(403, &words));
        }
        asked.path.ends_with("/MaintenanceOrder").then(|| {
            rows(json!([{"MaintenanceOrder": "1", "LastChangeDateTime": "/Date(4102444800000)/"}]), "1", None)
        })
    })
    .await?;
    let mut reading = Reading::start(&sap(), sending(stub.port)?);
    let state = reading.phase(PATIENCE, |s| s.failed_items == 1).await?;
    assert_eq!(&*state.problems[0].tag, "notifications");
    assert_eq!(state.problems[0].error.params["words"], "No service found");
    reading
        .until(PATIENCE, |r| r.is_complete("work_orders"))
        .await?;
    assert_eq!(reading.numbers(WorkOrderKind::Order), ["1"]);
    let since = reading.cursors["work_orders"]["since"]
        .as_i64()
        .context("a position")?;
    assert!(
        since < 4_102_444_800_000,
        "a row from the future hides nothing"
    );
    reading.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_the_future_does_not_carry_the_position_away_when_a_round_is_broken_off()
-> Result<()> {
    let now = iq_domain::Clock::now(&iq_domain::WallClock).millis();
    let pages = AtomicUsize::new(0);
    let stub = gateway(move |asked| {
        asked.path.ends_with("/MaintenanceOrder").then(|| {
            if pages.fetch_add(1, Ordering::SeqCst) > 0 {
                return empty().after(Duration::from_secs(600));
            }
            let rows = [("1", now - 3_600_000), ("2", 4_102_444_800_000)];
            let rows = rows.map(|(number, at)| {
                json!({"MaintenanceOrder": number, "LastChangeDateTime": format!("/Date({at})/")})
            });
            rows_of(&rows)
        })
    })
    .await?;
    let mut reading = Reading::start(&sap(), sending(stub.port)?);
    reading
        .until(PATIENCE, |r| r.cursors.contains_key("work_orders"))
        .await?;
    let since = reading.cursors["work_orders"]["since"].as_i64();
    assert!(since.context("a position")? <= now, "{since:?}");
    reading.stop().await;
    Ok(())
}

/// A page of rows with more to come.
fn rows_of(page: &[Value]) -> Told {
    rows(json!(page), "1000", Some("https://x/?$skiptoken=1".into()))
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_can_not_be_used_are_counted_once_and_named() -> Result<()> {
    let stub = gateway(|asked| {
        asked.path.ends_with("/FunctionalLocation").then(|| {
            let page = json!([{"FunctionalLocation": "RAS"}, {"FunctionalLocationName": "no key"}]);
            rows(page, "2", None)
        })
    })
    .await?;
    let mut reading = Reading::start(&sap(), sending(stub.port)?);
    let state = reading.phase(PATIENCE, |s| !s.problems.is_empty()).await?;
    let problem = &state.problems[0];
    assert_eq!(
        (&*problem.tag, problem.error.code),
        ("functional_locations", "eam.rows_left_out")
    );
    assert_eq!(problem.error.params["count"], "1");
    assert_eq!(state.failed_items, 0, "the others are read");
    reading.stop().await;

    // An asset with its inner id, but without the number everybody knows it by.
    let stub = Stub::start(|asked| {
        let is_assets = asked.path.ends_with("/installedBaseAssets");
        let at = "2026-01-01T00:00:00+00:00";
        let page = json!([{"AssetId": 1, "LastUpdateDate": at}, {"AssetId": 2, "AssetNumber": "P-1", "LastUpdateDate": at}]);
        Told::json(200, &json!({"items": if is_assets { page } else { json!([]) }, "hasMore": false}))
    })
    .await?;
    let connector = EamConnector::oracle_eam();
    let more = json!({"username": "u", "password": "classified", "plant_code": "1010"});
    let ctx = context(
        &connector,
        &with(loopback(stub.port), more),
        BTreeMap::new(),
    )?;
    let mut reading = Reading::start(&connector, ctx);
    let state = reading.phase(PATIENCE, |s| !s.problems.is_empty()).await?;
    assert_eq!(state.problems[0].error.code, "eam.rows_left_out");
    assert_eq!(state.problems[0].error.params["count"], "1");
    assert_eq!(reading.objects(iq_domain::ObjectKind::Equipment), ["P-1"]);
    reading.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_can_not_make_us_print_what_we_signed_in_with() -> Result<()> {
    // The header as it was sent, the password in it, and a part of it.
    for shown in [
        "Basic dTpjbGFzc2lmaWVkLTc=",
        "classified-7",
        "dTpjbGFzc2lmaW",
    ] {
        for status in [400, 403, 404, 500] {
            let stub = gateway(move |_| {
                let words = json!({"error": {"code": shown, "message": {"value": format!("you sent {shown}")}}});
                Some(Told::json(status, &words))
            })
            .await?;
            let more = json!({"username": "u", "password": "classified-7", "plant_code": "1010"});
            let ctx = context(&sap(), &with(loopback(stub.port), more), BTreeMap::new())?;
            let error = sap().sample_rows(&ctx, 1).await.err().context("an error")?;
            assert!(!format!("{error:?}").contains(shown), "{status}: {error:?}");
            assert_eq!(error.params["words"], "-");
        }
    }
    let tokens = Stub::start(|_| {
        let token = json!({"access_token": "very-secret-token-1", "token_type": "Bearer", "expires_in": 60});
        Told::json(200, &token)
    })
    .await?;
    let stub = gateway(|asked| {
        let header = asked.headers.get("authorization")?;
        let words = json!({"error": {"code": "X", "message": {"value": header}}});
        Some(Told::json(400, &words))
    })
    .await?;
    let more = json!({"auth_type": "OAuth2", "client_id": "id", "client_secret": "a b",
        "token_url": format!("http://127.0.0.1:{}/token", tokens.port)});
    let ctx = context(&sap(), &with(loopback(stub.port), more), BTreeMap::new())?;
    let error = sap().sample_rows(&ctx, 1).await.err().context("an error")?;
    assert!(!format!("{error:?}").contains("secret-token"), "{error:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_are_no_answer_fail_the_test_with_their_cause() -> Result<()> {
    let answers: [(Answer, &str); 4] = [
        (
            || Told::text(200, "text/html", "<html>Sign in</html>"),
            "http.body_is_html",
        ),
        (
            || Told::json(200, &json!({"value": []})),
            "eam.answer_unexpected",
        ),
        (
            || Told::text(200, "application/json", &"[".repeat(5_000)),
            "http.json_too_deep",
        ),
        (
            || Told::text(302, "text/html", "").with("Location", "https://login"),
            "http.redirected",
        ),
    ];
    for (answer, code) in answers {
        let stub = gateway(move |_| Some(answer())).await?;
        let report = sap().test(&sending(stub.port)?, &|_| ()).await;
        conformance::check_report(&report);
        assert_eq!(report.message.code, code, "{:?}", report.stages);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_got_from_servers_that_decode_the_secret_and_from_those_that_do_not()
-> Result<()> {
    // "id:a b" and "id:a%20b"
    for wanted in ["Basic aWQ6YSBi", "Basic aWQ6YSUyMGI="] {
        let tokens = Stub::start(move |asked| {
            if asked.headers.get("authorization").map(String::as_str) != Some(wanted) {
                return Told::json(401, &json!({"error": "invalid_client"}));
            }
            Told::json(
                200,
                &json!({"access_token": "T1", "token_type": "Bearer", "expires_in": 60}),
            )
        })
        .await?;
        let stub = gateway(|asked| {
            (asked.headers.get("authorization").map(String::as_str) == Some("Bearer T1"))
                .then(|| rows(json!([{"MaintenanceOrder": "1"}]), "1", None))
        })
        .await?;
        let more = json!({"auth_type": "OAuth2", "client_id": "id", "client_secret": "a b",
            "token_url": format!("http://127.0.0.1:{}/token", tokens.port)});
        let ctx = context(&sap(), &with(loopback(stub.port), more), BTreeMap::new())?;
        let connector = sap();
        assert_eq!(connector.sample_rows(&ctx, 1).await?.rows.len(), 1);
        let asked = tokens.asked().len();
        assert_eq!(connector.sample_rows(&ctx, 1).await?.rows.len(), 1);
        assert_eq!(tokens.asked().len(), asked, "a good token is kept");
        let to_gateway = stub.asked();
        let is_kept = to_gateway
            .iter()
            .all(|a| !a.headers["authorization"].starts_with("Basic"));
        assert!(is_kept, "the client secret goes to the token server alone");
    }
    Ok(())
}
