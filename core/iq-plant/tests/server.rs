//! The served plant as a client sees it: endpoints, identities, values, subscriptions, limits, and the
//! instructor's line. Every test has a plant of its own on free ports.
#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use iq_plant::{
    FaultKind, PlantConfig, PlantHandle, PlantServer, catalogue::catalogue, control::Client,
};
use opcua::{
    client::{ClientBuilder, DataChangeCallback, IdentityToken, Password, Session},
    types::{
        AttributeId, DataValue, EndpointDescription, MessageSecurityMode,
        MonitoredItemCreateRequest, NodeId, ReadValueId, StatusCode, TimestampsToReturn,
        UserTokenPolicy, VariableId, Variant, WriteValue,
    },
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

const PATIENCE: Duration = Duration::from_secs(30);

struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("iq-plant-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap_or(());
    }
}

async fn plant(folder: &Folder, change: impl FnOnce(&mut PlantConfig)) -> PlantHandle {
    let mut config = PlantConfig::new(folder.0.join("plant")).on_free_ports();
    config.password = Some("right-password".to_owned());
    config.imperfections = false;
    change(&mut config);
    PlantServer::start(config).await.unwrap()
}

async fn connect(
    folder: &Folder,
    plant: &PlantHandle,
    policy: &str,
    mode: MessageSecurityMode,
    identity: IdentityToken,
) -> Result<(Arc<Session>, JoinHandle<StatusCode>), StatusCode> {
    let mut client = ClientBuilder::new()
        .application_name("plant test")
        .application_uri("urn:plant-test")
        .create_sample_keypair(true)
        .trust_server_certs(true)
        .verify_server_certs(false)
        .pki_dir(folder.0.join("client-pki"))
        .session_retry_limit(0)
        .max_array_length(100_000)
        .max_chunk_count(64)
        .client()
        .unwrap();
    let endpoint: EndpointDescription = (
        plant.endpoint_url.as_str(),
        policy,
        mode,
        UserTokenPolicy::anonymous(),
    )
        .into();
    let (session, event_loop) = client
        .connect_to_matching_endpoint(endpoint, identity)
        .await
        .map_err(|e| e.status())?;
    let mut running = event_loop.spawn();
    // The session tells nothing when connecting fails for good; the loop's end does.
    tokio::select! {
        connected = timeout(PATIENCE, session.wait_for_connection()) => assert!(connected.unwrap()),
        ended = &mut running => return Err(ended.unwrap()),
    }
    Ok((session, running))
}

fn node(tag: usize) -> NodeId {
    NodeId::new(2, catalogue().tags[tag].node.clone())
}

async fn read(session: &Session, nodes: &[NodeId]) -> Vec<DataValue> {
    let ids: Vec<ReadValueId> = nodes.iter().map(|n| ReadValueId::from(n.clone())).collect();
    session
        .read(&ids, TimestampsToReturn::Both, 0.0)
        .await
        .unwrap()
}

async fn close(session: Arc<Session>, running: JoinHandle<StatusCode>) {
    session.disconnect().await.unwrap();
    timeout(PATIENCE, running).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tag_has_a_value_for_an_anonymous_client_without_security() {
    let folder = Folder::new("anonymous");
    let plant = plant(&folder, |_| {}).await;
    let (session, running) = connect(
        &folder,
        &plant,
        "None",
        MessageSecurityMode::None,
        IdentityToken::Anonymous,
    )
    .await
    .unwrap();
    let namespaces = session.read_namespace_array().await.unwrap();
    assert_eq!(
        namespaces.get_index(iq_plant::catalogue::NAMESPACE_URI),
        Some(2)
    );
    let nodes: Vec<NodeId> = (0..386).map(node).collect();
    let values = read(&session, &nodes).await;
    for (value, tag) in values.iter().zip(&catalogue().tags) {
        assert!(
            value.status().is_good(),
            "{} is {}",
            tag.tag,
            value.status()
        );
        assert!(
            value.source_timestamp.is_some() && value.server_timestamp.is_some(),
            "{}",
            tag.tag
        );
        let right = if tag.is_state() {
            matches!(value.value, Some(Variant::Boolean(_)))
        } else {
            matches!(value.value, Some(Variant::Double(_)))
        };
        assert!(right, "{} is {:?}", tag.tag, value.value);
    }
    let extras: Vec<NodeId> = catalogue()
        .extras
        .iter()
        .map(|p| NodeId::new(2, p.node.clone()))
        .collect();
    for (value, point) in read(&session, &extras)
        .await
        .iter()
        .zip(&catalogue().extras)
    {
        assert!(value.status().is_good(), "{}", point.node);
    }
    close(session, running).await;
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_user_connects_over_every_secure_policy() {
    let folder = Folder::new("secure");
    let plant = plant(&folder, |c| c.allow_anonymous = false).await;
    for policy in [
        "Basic256Sha256",
        "Aes128-Sha256-RsaOaep",
        "Aes256-Sha256-RsaPss",
    ] {
        for mode in [
            MessageSecurityMode::Sign,
            MessageSecurityMode::SignAndEncrypt,
        ] {
            let identity =
                IdentityToken::UserName("plant".to_owned(), Password("right-password".to_owned()));
            let (session, running) = connect(&folder, &plant, policy, mode, identity)
                .await
                .unwrap();
            let vibration = catalogue().tag_of("P-102A", "vibration_de").unwrap();
            let value = read(&session, &[node(vibration)]).await.remove(0);
            assert!(matches!(value.value, Some(Variant::Double(v)) if (1.0..2.5).contains(&v)));
            close(session, running).await;
        }
    }
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_a_wrong_password_and_an_unwanted_anonymous_client() {
    let folder = Folder::new("refused");
    let plant = plant(&folder, |c| c.allow_anonymous = false).await;
    for mode in [
        MessageSecurityMode::None,
        MessageSecurityMode::SignAndEncrypt,
    ] {
        let policy = if mode == MessageSecurityMode::None {
            "None"
        } else {
            "Basic256Sha256"
        };
        let wrong = IdentityToken::UserName("plant".to_owned(), Password("wrong".to_owned()));
        for identity in [wrong, IdentityToken::Anonymous] {
            let refused = connect(&folder, &plant, policy, mode, identity).await;
            assert!(refused.is_err());
        }
    }
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn process_tags_can_only_be_read() {
    let folder = Folder::new("readonly");
    let plant = plant(&folder, |_| {}).await;
    let (session, running) = connect(
        &folder,
        &plant,
        "None",
        MessageSecurityMode::None,
        IdentityToken::Anonymous,
    )
    .await
    .unwrap();
    let flow = catalogue().tag_of("P-102A", "flow").unwrap();
    let write = WriteValue {
        node_id: node(flow),
        attribute_id: AttributeId::Value as u32,
        index_range: opcua::types::NumericRange::None,
        value: DataValue::value_only(Variant::from(1.0_f64)),
    };
    let result = session.write(&[write]).await.unwrap();
    assert!(result[0].is_bad());
    close(session, running).await;
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn states_its_operation_limits_and_keeps_to_them() {
    let folder = Folder::new("limits");
    let plant = plant(&folder, |c| c.max_ops_per_call = 300).await;
    let (session, running) = connect(
        &folder,
        &plant,
        "None",
        MessageSecurityMode::None,
        IdentityToken::Anonymous,
    )
    .await
    .unwrap();
    let limit = VariableId::Server_ServerCapabilities_OperationLimits_MaxNodesPerRead;
    let value = read(&session, &[limit.into()]).await.remove(0);
    assert_eq!(value.value, Some(Variant::UInt32(300)));
    let too_many: Vec<ReadValueId> = (0..301).map(|t| ReadValueId::from(node(t))).collect();
    let refused = session
        .read(&too_many, TimestampsToReturn::Both, 0.0)
        .await
        .unwrap_err();
    assert_eq!(refused.status(), StatusCode::BadTooManyOperations);
    close(session, running).await;
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_injected_fault_reaches_a_subscriber_through_the_trip_point() {
    let folder = Folder::new("trip");
    let plant = plant(&folder, |c| c.speed = 20.0).await;
    let (session, running) = connect(
        &folder,
        &plant,
        "None",
        MessageSecurityMode::None,
        IdentityToken::Anonymous,
    )
    .await
    .unwrap();
    let trip = NodeId::new(2, "RAS.U100.P102A.TRIP");
    let vibration = node(catalogue().tag_of("P-102A", "vibration_de").unwrap());
    let (send, mut receive) = mpsc::unbounded_channel();
    let callback = DataChangeCallback::new(move |value: DataValue, item| {
        send.send((item.item_to_monitor().node_id.clone(), value))
            .unwrap_or(());
    });
    let subscription = session
        .create_subscription(Duration::from_millis(100), 100, 30, 0, 0, true, callback)
        .await
        .unwrap();
    let items: Vec<MonitoredItemCreateRequest> = [trip.clone(), vibration.clone()]
        .into_iter()
        .map(MonitoredItemCreateRequest::from)
        .collect();
    session
        .create_monitored_items(subscription, TimestampsToReturn::Both, items)
        .await
        .unwrap();
    let client = Client::from_folder(&folder.0.join("plant")).unwrap();
    client
        .inject("P-102A", FaultKind::BearingWear, Duration::from_secs(60))
        .await
        .unwrap();
    let mut highest = 0.0_f64;
    let tripped = async {
        while let Some((id, value)) = receive.recv().await {
            match value.value {
                Some(Variant::Double(v)) if id == vibration => highest = highest.max(v),
                Some(Variant::Boolean(true)) if id == trip => return,
                _ => {}
            }
        }
    };
    timeout(PATIENCE, tripped).await.unwrap();
    assert!(
        highest > 4.0,
        "the alarm limit was passed before the trip: {highest}"
    );
    let first_out = NodeId::new(2, "RAS.U100.P102A.FIRST_OUT");
    let text = read(&session, &[first_out]).await.remove(0);
    assert!(
        matches!(&text.value, Some(Variant::String(s)) if s.as_ref().contains("HH")),
        "{text:?}"
    );
    let status = client.status().await.unwrap();
    assert!(status.tripped.contains_key("P-102A"));
    client.reset(None).await.unwrap();
    assert!(client.status().await.unwrap().tripped.is_empty());
    close(session, running).await;
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn load_tags_lose_no_change_against_the_send_log() {
    let folder = Folder::new("load");
    let plant = plant(&folder, |c| {
        c.extra_tags = 10_000;
        c.extra_tags_period = Duration::from_secs(2);
    })
    .await;
    let (session, running) = connect(
        &folder,
        &plant,
        "None",
        MessageSecurityMode::None,
        IdentityToken::Anonymous,
    )
    .await
    .unwrap();
    let (send, mut receive) = mpsc::unbounded_channel();
    let callback = DataChangeCallback::new(move |value: DataValue, item| {
        send.send((item.client_handle(), value)).unwrap_or(());
    });
    let subscription = session
        .create_subscription(Duration::from_millis(500), 100, 30, 0, 0, true, callback)
        .await
        .unwrap();
    // As many items per call as the server allows.
    for first in (1..10_000).step_by(1_000) {
        let items = (first..first + 1_000)
            .map(|n| {
                let mut item =
                    MonitoredItemCreateRequest::from(NodeId::new(2, format!("LOAD.T{n:05}")));
                item.requested_parameters.sampling_interval = 0.0;
                item.requested_parameters.queue_size = 10;
                item.requested_parameters.client_handle = n;
                item
            })
            .collect();
        session
            .create_monitored_items(subscription, TimestampsToReturn::Both, items)
            .await
            .unwrap();
    }
    let start = plant.send_log().load_rounds();
    let mut last = std::collections::HashMap::new();
    let mut jumps = 0;
    let collect = async {
        while let Some((handle, value)) = receive.recv().await {
            let Some(Variant::Double(round)) = value.value else {
                panic!("{value:?}")
            };
            let before = last.insert(handle, round);
            jumps += u32::from(before.is_some_and(|b| round != b + 1.0));
            if last.len() == 10_000 && last.values().all(|r| *r >= start as f64 + 3.0) {
                return;
            }
        }
    };
    timeout(PATIENCE, collect).await.unwrap();
    assert_eq!(jumps, 0, "a change was lost or repeated");
    assert!(plant.send_log().load_rounds() >= start + 2);
    close(session, running).await;
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn catches_up_from_the_past_and_keeps_its_certificate() {
    let folder = Folder::new("past");
    let first = plant(&folder, |c| {
        c.start_ago = Duration::from_secs(600);
        c.catch_up = 400.0;
    })
    .await;
    let certificate = std::fs::read(&first.certificate_path).unwrap();
    let client = Client::new(first.control_addr, first.control_token.clone());
    assert!(client.status().await.unwrap().catching_up);
    let met = async {
        while client.status().await.unwrap().catching_up {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, met).await.unwrap();
    let status = client.status().await.unwrap();
    let behind = status.wall_time.since_ms(status.plant_time);
    assert!(
        (-1_500..5_000).contains(&behind),
        "plant time is {behind} ms behind the clock"
    );
    first.stop().await;
    let again = plant(&folder, |_| {}).await;
    assert_eq!(std::fs::read(&again.certificate_path).unwrap(), certificate);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_names_the_application_first_and_the_hosts() {
    let folder = Folder::new("certificate");
    let plant = plant(&folder, |_| {}).await;
    let der = std::fs::read(&plant.certificate_path).unwrap();
    let certificate = opcua::crypto::X509::from_der(&der).unwrap();
    assert!(
        certificate
            .is_application_uri_valid(iq_plant::APPLICATION_URI)
            .is_ok()
    );
    assert!(certificate.is_hostname_valid("127.0.0.1").is_ok());
    assert!(certificate.is_hostname_valid("localhost").is_ok());
    assert_eq!(certificate.key_length().unwrap(), 2048);
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stops_under_a_connected_client_and_starts_again_on_the_same_port() {
    let folder = Folder::new("restart");
    let first = plant(&folder, |_| {}).await;
    let port = first
        .endpoint_url
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let (session, running) = connect(
        &folder,
        &first,
        "None",
        MessageSecurityMode::None,
        IdentityToken::Anonymous,
    )
    .await
    .unwrap();
    timeout(PATIENCE, first.stop()).await.unwrap();
    timeout(PATIENCE, running).await.unwrap().unwrap();
    drop(session);
    let again = plant(&folder, |c| c.port = port).await;
    let (session, running) = connect(
        &folder,
        &again,
        "None",
        MessageSecurityMode::None,
        IdentityToken::Anonymous,
    )
    .await
    .unwrap();
    assert!(read(&session, &[node(0)]).await[0].status().is_good());
    close(session, running).await;
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tree_leads_from_the_site_to_a_tag_with_its_unit_in_the_chosen_language() {
    let folder = Folder::new("tree");
    let plant = plant(&folder, |c| c.locale = iq_plant::PlantLocale::Ar).await;
    let (session, running) = connect(
        &folder,
        &plant,
        "None",
        MessageSecurityMode::None,
        IdentityToken::Anonymous,
    )
    .await
    .unwrap();
    let mut at: NodeId = opcua::types::ObjectId::ObjectsFolder.into();
    let mut shown = String::new();
    for name in ["RAS", "U100", "P-102A", "VIB_DE", "EngineeringUnits"] {
        let children = browse(&session, &at).await;
        let child = children
            .iter()
            .find(|c| c.browse_name.name.as_ref() == name);
        let child = child.unwrap_or_else(|| panic!("no {name} below {at}"));
        shown.push_str(child.display_name.text.as_ref());
        shown.push('|');
        at = child.node_id.node_id.clone();
    }
    assert!(
        shown.contains("P-102A مضخة تغذية برج التثبيت أ") && shown.contains("100-VT-10204A"),
        "{shown}"
    );
    let unit = read(&session, &[at]).await.remove(0);
    let Some(Variant::ExtensionObject(unit)) = unit.value else {
        panic!("{unit:?}")
    };
    let unit = unit.inner_as::<opcua::types::EUInformation>().unwrap();
    assert_eq!(unit.display_name.text.as_ref(), "mm/s");
    close(session, running).await;
    plant.stop().await;
}

async fn browse(session: &Session, node: &NodeId) -> Vec<opcua::types::ReferenceDescription> {
    let description = opcua::types::BrowseDescription {
        node_id: node.clone(),
        browse_direction: opcua::types::BrowseDirection::Forward,
        reference_type_id: opcua::types::ReferenceTypeId::HierarchicalReferences.into(),
        include_subtypes: true,
        node_class_mask: 0,
        result_mask: 63,
    };
    let result = session
        .browse(&[description], 0, None)
        .await
        .unwrap()
        .remove(0);
    result.references.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_instructors_line_refuses_a_wrong_token_and_nonsense() {
    let folder = Folder::new("token");
    let plant = plant(&folder, |_| {}).await;
    let stranger = Client::new(plant.control_addr, "guess");
    assert_eq!(
        stranger.status().await.unwrap_err().code,
        "plant.control_refused"
    );
    let client = Client::new(plant.control_addr, plant.control_token.clone());
    let wrong = client
        .inject("V-101", FaultKind::BearingWear, Duration::from_secs(60))
        .await;
    assert_eq!(wrong.unwrap_err().code, "plant.fault_does_not_fit");
    let unknown = client.reset(Some("P-999")).await.unwrap_err();
    assert_eq!(
        (unknown.code, unknown.params["asset"].as_str()),
        ("plant.unknown_asset", "P-999")
    );
    assert_eq!(
        client.scenario("S11", 1.0).await.unwrap_err().code,
        "plant.unknown_scenario"
    );
    assert_eq!(
        client.scenario("S1", 0.0).await.unwrap_err().code,
        "plant.out_of_range"
    );
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_a_clear_error() {
    let folder = Folder::new("port");
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = PlantConfig::new(folder.0.join("plant")).on_free_ports();
    config.port = taken.local_addr().unwrap().port();
    let error = PlantServer::start(config).await.err().unwrap();
    assert_eq!(error.code, "plant.port_unusable");
}
