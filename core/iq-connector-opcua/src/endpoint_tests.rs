//! Tests of the choice of the endpoint and of the user token policy.

use opcua::types::UserTokenPolicy;

use super::*;

const NONE: &str = "http://opcfoundation.org/UA/SecurityPolicy#None";
const BASIC: &str = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256";
const ECC: &str = "http://opcfoundation.org/UA/SecurityPolicy#ECC_nistP256";

fn endpoint(
    url: &str,
    mode: MessageSecurityMode,
    policy: &str,
    tokens: &[(UserTokenType, &str)],
) -> EndpointDescription {
    EndpointDescription {
        endpoint_url: url.into(),
        security_mode: mode,
        security_policy_uri: policy.into(),
        user_identity_tokens: Some(
            tokens
                .iter()
                .map(|(kind, policy)| UserTokenPolicy {
                    policy_id: "p".into(),
                    token_type: *kind,
                    security_policy_uri: (*policy).into(),
                    ..Default::default()
                })
                .collect(),
        ),
        ..Default::default()
    }
}

fn settings(url: &str, mode: SecurityMode, identity: Identity) -> Settings {
    Settings {
        url: url.to_owned(),
        mode,
        policy: SecurityPolicy::Basic256Sha256,
        identity,
        namespaces: Vec::new(),
        tag_prefix: String::new(),
        alarms: crate::config::Alarms::Off,
        sampling_ms: 1_000,
        max_per_request: 1_000,
        zone: None,
    }
}

fn user() -> Identity {
    Identity::User {
        name: "u".into(),
        password: "p".into(),
    }
}

#[test]
fn an_empty_token_policy_becomes_the_channels_and_a_clear_one_is_not_preferred() {
    let offered = [endpoint(
        "opc.tcp://a:1",
        MessageSecurityMode::Sign,
        BASIC,
        &[
            (UserTokenType::UserName, NONE),
            (UserTokenType::UserName, ""),
        ],
    )];
    let chosen = choose(
        &offered,
        &settings("opc.tcp://a:1", SecurityMode::Sign, user()),
    )
    .unwrap();
    let tokens = chosen.user_identity_tokens.unwrap();
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0].security_policy_uri.as_ref(), BASIC);
}

#[test]
fn a_password_never_goes_in_the_clear_over_a_channel_that_is_only_signed() {
    let offered = |mode| {
        [endpoint(
            "opc.tcp://a:1",
            mode,
            BASIC,
            &[(UserTokenType::UserName, NONE)],
        )]
    };
    let error = choose(
        &offered(MessageSecurityMode::Sign),
        &settings("opc.tcp://a:1", SecurityMode::Sign, user()),
    )
    .unwrap_err();
    assert_eq!(error.code, "opcua.identity_unprotected");
    let encrypted = settings("opc.tcp://a:1", SecurityMode::SignAndEncrypt, user());
    assert!(choose(&offered(MessageSecurityMode::SignAndEncrypt), &encrypted).is_ok());
}

#[test]
fn unknown_policies_are_listed_but_never_chosen() {
    let offered = [
        endpoint(
            "opc.tcp://a:1",
            MessageSecurityMode::SignAndEncrypt,
            ECC,
            &[],
        ),
        endpoint(
            "opc.tcp://a:1",
            MessageSecurityMode::None,
            NONE,
            &[(UserTokenType::Anonymous, "")],
        ),
    ];
    let listed = offers(&offered);
    assert_eq!(
        (listed[0].is_supported, listed[1].is_supported),
        (true, false)
    );
    assert_eq!(listed[1].security_policy, "ECC_nistP256");
    let wanted = settings(
        "opc.tcp://a:1",
        SecurityMode::SignAndEncrypt,
        Identity::Anonymous,
    );
    let error = choose(&offered, &wanted).unwrap_err();
    assert_eq!(error.code, "opcua.mode_unsupported");
    assert_eq!(error.params["offered"], "None, SignAndEncrypt ECC_nistP256");
}

#[test]
fn the_typed_host_is_used_and_a_translated_port_is_kept() {
    let anonymous = [(UserTokenType::Anonymous, "")];
    let one = |url: &str| [endpoint(url, MessageSecurityMode::None, NONE, &anonymous)];
    let url = |offered: &[EndpointDescription], typed: &str| {
        let wanted = settings(typed, SecurityMode::None, Identity::Anonymous);
        choose(offered, &wanted).unwrap().endpoint_url.to_string()
    };
    let inside = one("opc.tcp://PLC-INTERN:4840/ua/server");
    assert_eq!(
        url(&inside, "opc.tcp://gateway:14840"),
        "opc.tcp://gateway:14840/ua/server"
    );
    assert_eq!(
        url(&inside, "opc.tcp://10.0.0.1"),
        "opc.tcp://10.0.0.1:4840/ua/server"
    );
    let two_ports = [
        endpoint(
            "opc.tcp://x:4840",
            MessageSecurityMode::SignAndEncrypt,
            BASIC,
            &anonymous,
        ),
        endpoint(
            "opc.tcp://x:4843",
            MessageSecurityMode::None,
            NONE,
            &anonymous,
        ),
    ];
    assert_eq!(url(&two_ports, "opc.tcp://y:4840"), "opc.tcp://y:4843");
}

#[test]
fn an_identity_the_server_does_not_take_is_said_before_connecting() {
    let offered = [endpoint(
        "opc.tcp://a:1",
        MessageSecurityMode::Sign,
        BASIC,
        &[(UserTokenType::Anonymous, "")],
    )];
    let error = choose(
        &offered,
        &settings("opc.tcp://a:1", SecurityMode::Sign, user()),
    )
    .unwrap_err();
    assert_eq!(error.code, "opcua.identity_not_offered");
}
