use super::{
    BuiltControls, Control, ControlError, ControlRefusal, Controls, Feature, MarkerVersion,
    Negotiated, OutOfOrder, Priority,
};
use crate::backfill::BackfillOrder;
use std::collections::HashSet;
use std::time::Duration;

/// A connection that negotiated everything, on a server that has everything.
fn everything() -> Negotiated {
    Negotiated {
        built: Feature::ALL.into_iter().fold(BuiltControls::NONE, BuiltControls::with),
        snappy: true,
        collections: true,
        deleted_user_xattrs: true,
        history: true,
        cache_transfer: true,
        noop_interval_min: Duration::from_millis(100),
    }
}

fn parse(key: &str, value: &str) -> Result<Control, ControlError> {
    Control::parse(key.as_bytes(), value.as_bytes())
}

fn set_in(
    controls: &mut Controls,
    key: &str,
    value: &str,
    facts: &Negotiated,
) -> Result<(), ControlRefusal> {
    let control = parse(key, value).unwrap_or_else(|error| panic!("{key}={value}: {error}"));
    controls.apply(control, facts)
}

/// The settings after one control, which is granted.
fn set(key: &str, value: &str) -> Controls {
    let mut controls = Controls::default();
    set_in(&mut controls, key, value, &everything())
        .unwrap_or_else(|refusal| panic!("{key}={value}: {refusal}"));
    controls
}

fn refused(key: &str, value: &str, change: impl FnOnce(&mut Negotiated)) -> ControlRefusal {
    let mut facts = everything();
    change(&mut facts);
    let mut controls = Controls::default();
    let refusal = set_in(&mut controls, key, value, &facts).expect_err("refused");
    assert_eq!(controls, Controls::default(), "nothing has changed");
    refusal
}

fn bad_values(key: &str, values: &[&str]) {
    for value in values {
        match parse(key, value) {
            Err(ControlError::BadValue { key: named, .. }) => assert_eq!(named, key),
            other => panic!("{key}={value}: {other:?}"),
        }
    }
}

#[test]
fn connection_buffer_size() {
    assert_eq!(Controls::default().connection_buffer_size(), 0);
    for (value, bytes) in [("0", 0), ("1", 1), ("20971520", 20_971_520), ("4294967295", u32::MAX)] {
        assert_eq!(set("connection_buffer_size", value).connection_buffer_size(), bytes);
    }
    bad_values(
        "connection_buffer_size",
        &["4294967296", "-1", "+1", "1.5", "1e3", " 1", "0x10", "many", "99999999999999999999"],
    );
}

#[test]
fn stream_buffer_size() {
    for value in ["0", "100", "x"] {
        assert_eq!(refused("stream_buffer_size", value, |_| ()), ControlRefusal::StreamBufferSize);
    }
}

#[test]
fn enable_noop() {
    assert!(!Controls::default().noop());
    assert!(set("enable_noop", "true").noop());
    for value in ["false", "TRUE", "1", "yes"] {
        let mut controls = set("enable_noop", "true");
        set_in(&mut controls, "enable_noop", value, &everything()).unwrap();
        assert!(!controls.noop(), "{value} is off");
    }
}

#[test]
fn set_noop_interval() {
    assert_eq!(Controls::default().noop_interval(), Duration::from_secs(20));
    for (value, milliseconds) in [
        ("180", 180_000),
        ("0.1", 100),
        ("1.5", 1500),
        (".5", 500),
        ("2.", 2000),
        ("00120", 120_000),
    ] {
        let controls = set("set_noop_interval", value);
        assert_eq!(controls.noop_interval(), Duration::from_millis(milliseconds), "{value}");
    }
    set("set_noop_interval", "4294967295");
    let short = ControlRefusal::NoopIntervalTooShort { min: Duration::from_millis(100) };
    assert_eq!(refused("set_noop_interval", "0.099", |_| ()), short);
    assert_eq!(refused("set_noop_interval", "0", |_| ()), short);
    let second = Duration::from_secs(1);
    assert_eq!(
        refused("set_noop_interval", "0.5", |facts| facts.noop_interval_min = second),
        ControlRefusal::NoopIntervalTooShort { min: second }
    );
    bad_values(
        "set_noop_interval",
        &[
            "-1",
            "+1",
            "nan",
            "inf",
            "1e9",
            "1.2.3",
            ".",
            "4294967296",
            "1s",
            " 1",
            &"9".repeat(400),
        ],
    );
}

#[test]
fn set_priority() {
    assert_eq!(Controls::default().priority(), Priority::Medium);
    for (value, priority) in
        [("high", Priority::High), ("medium", Priority::Medium), ("low", Priority::Low)]
    {
        assert_eq!(set("set_priority", value).priority(), priority);
    }
    bad_values("set_priority", &["High", "highest", "50", "true"]);
}

#[test]
fn backfill_order() {
    assert_eq!(Controls::default().backfill_order(), BackfillOrder::RoundRobin);
    assert_eq!(set("backfill_order", "sequential").backfill_order(), BackfillOrder::Sequential);
    let mut controls = set("backfill_order", "sequential");
    set_in(&mut controls, "backfill_order", "round-robin", &everything()).unwrap();
    assert_eq!(controls.backfill_order(), BackfillOrder::RoundRobin);
    bad_values("backfill_order", &["random", "Sequential", "round_robin"]);
    assert_eq!(
        parse("backfill_order", "random").unwrap_err().to_string(),
        "the control backfill_order takes round-robin or sequential"
    );
}

#[test]
fn force_value_compression() {
    assert!(!Controls::default().force_value_compression());
    assert!(set("force_value_compression", "true").force_value_compression());
    assert!(!set("force_value_compression", "no").force_value_compression());
    for value in ["true", "false"] {
        assert_eq!(
            refused("force_value_compression", value, |facts| facts.snappy = false),
            ControlRefusal::NoSnappy
        );
    }
}

#[test]
fn supports_cursor_dropping() {
    assert!(Controls::new("some-client").cursor_dropping());
    assert!(Controls::default().cursor_dropping());
    assert!(!Controls::new("replication:n1->n2").cursor_dropping());
    for key in ["supports_cursor_dropping", "supports_cursor_dropping_vulcan"] {
        assert!(!set(key, "false").cursor_dropping());
        let mut controls = Controls::new("eq_dcpq:replication:x");
        set_in(&mut controls, key, "true", &everything()).unwrap();
        assert!(controls.cursor_dropping());
    }
}

#[test]
fn supports_hifi_mfu() {
    assert!(!Controls::default().hifi_mfu());
    assert!(set("supports_hifi_MFU", "true").hifi_mfu());
    assert!(!set("supports_hifi_MFU", "false").hifi_mfu());
}

#[test]
fn send_stream_end_on_client_close_stream() {
    let key = "send_stream_end_on_client_close_stream";
    assert!(!Controls::default().stream_end_on_client_close());
    assert!(!set(key, "false").stream_end_on_client_close());
    let mut controls = set(key, "true");
    set_in(&mut controls, key, "false", &everything()).unwrap();
    assert!(controls.stream_end_on_client_close(), "once on, always on");
}

#[test]
fn enable_expiry_opcode() {
    assert!(!Controls::default().expiry_opcode());
    assert!(set("enable_expiry_opcode", "true").expiry_opcode());
    assert!(!set("enable_expiry_opcode", "false").expiry_opcode());
}

#[test]
fn stream_ids_and_sync_writes_exclude_each_other() {
    assert!(!Controls::default().stream_ids() && !Controls::default().sync_writes());
    for (first, second) in
        [("enable_stream_id", "enable_sync_writes"), ("enable_sync_writes", "enable_stream_id")]
    {
        let mut controls = set(first, "true");
        let before = controls.clone();
        assert_eq!(
            set_in(&mut controls, second, "true", &everything()),
            Err(ControlRefusal::StreamIdsWithSyncWrites)
        );
        assert_eq!(controls, before);
        set_in(&mut controls, first, "true", &everything()).unwrap();
        bad_values(first, &["false", "1", "TRUE"]);
    }
    assert!(set("enable_stream_id", "true").stream_ids());
    assert!(set("enable_sync_writes", "true").sync_writes());
}

#[test]
fn sync_replication_needs_a_consumer_name() {
    let mut controls = set("enable_sync_writes", "true");
    assert!(!controls.sync_replication());
    assert_eq!(controls.marker_version(), MarkerVersion::V1);
    set_in(&mut controls, "consumer_name", "replica-1", &everything()).unwrap();
    assert_eq!(controls.consumer_name(), Some("replica-1"));
    assert!(controls.sync_replication());
    assert_eq!(controls.marker_version(), MarkerVersion::V2_0);
    assert!(!set("consumer_name", "x").sync_replication());
}

#[test]
fn consumer_name() {
    assert_eq!(Controls::default().consumer_name(), None);
    set("consumer_name", &"n".repeat(200));
    bad_values("consumer_name", &[&"n".repeat(201)]);
    assert!(matches!(
        Control::parse(b"consumer_name", b"\xFF"),
        Err(ControlError::BadValue { key: "consumer_name", .. })
    ));
}

#[test]
fn enable_out_of_order_snapshots() {
    let key = "enable_out_of_order_snapshots";
    assert_eq!(Controls::default().out_of_order_snapshots(), OutOfOrder::Never);
    assert_eq!(set(key, "true").out_of_order_snapshots(), OutOfOrder::Allowed);
    assert_eq!(
        set(key, "true_with_seqno_advanced").out_of_order_snapshots(),
        OutOfOrder::WithSeqnoAdvanced
    );
    bad_values(key, &["false", "true_with"]);
}

#[test]
fn include_deleted_user_xattrs() {
    let key = "include_deleted_user_xattrs";
    assert_eq!(set(key, "true"), Controls::default(), "a question changes nothing");
    assert_eq!(
        refused(key, "true", |facts| facts.deleted_user_xattrs = false),
        ControlRefusal::NotOpenedWithDeletedUserXattrs
    );
    bad_values(key, &["false"]);
}

#[test]
fn v7_dcp_status_codes() {
    assert!(!Controls::default().v7_status_codes());
    assert!(set("v7_dcp_status_codes", "true").v7_status_codes());
    bad_values("v7_dcp_status_codes", &["false"]);
}

#[test]
fn flatbuffers_system_events() {
    assert!(!Controls::default().flatbuffers_system_events());
    assert!(set("flatbuffers_system_events", "true").flatbuffers_system_events());
    bad_values("flatbuffers_system_events", &["false"]);
}

#[test]
fn change_streams() {
    assert!(!Controls::default().change_streams());
    assert!(set("change_streams", "true").change_streams());
    assert_eq!(
        refused("change_streams", "true", |facts| facts.history = false),
        ControlRefusal::NoHistory
    );
    bad_values("change_streams", &["false"]);
}

#[test]
fn max_marker_version() {
    assert_eq!(Controls::default().marker_version(), MarkerVersion::V1);
    let mut controls = set("max_marker_version", "2.2");
    assert_eq!(controls.marker_version(), MarkerVersion::V2_2);
    for (key, value) in [("enable_sync_writes", "true"), ("consumer_name", "x")] {
        set_in(&mut controls, key, value, &everything()).unwrap();
    }
    assert_eq!(controls.marker_version(), MarkerVersion::V2_2, "the newer of both");
    assert_eq!(
        refused("max_marker_version", "2.2", |facts| facts.collections = false),
        ControlRefusal::NoCollections
    );
    bad_values("max_marker_version", &["2.1", "2.0", "1.0", "3", "true"]);
}

#[test]
fn cache_transfer() {
    for value in ["true", "false", "x"] {
        assert_eq!(set("cache_transfer", value), Controls::default(), "a question");
    }
    assert_eq!(
        refused("cache_transfer", "true", |facts| facts.cache_transfer = false),
        ControlRefusal::NoCacheTransfer
    );
}

#[test]
fn empty_and_unknown_are_refused() {
    assert_eq!(parse("", "true"), Err(ControlError::NoKey));
    assert_eq!(parse("enable_noop", ""), Err(ControlError::NoValue));
    for key in ["enable_ext_metadata", "enable_noop ", "Enable_noop", "enable_noo", "\0"] {
        assert_eq!(parse(key, "true"), Err(ControlError::UnknownKey(key.into())));
    }
    let long = "k".repeat(1000);
    assert_eq!(parse(&long, "true"), Err(ControlError::UnknownKey(long[..64].into())));
    let bytes = Control::parse(b"\xF0\x9F", b"true");
    assert_eq!(bytes, Err(ControlError::UnknownKey("\u{FFFD}".into())));
    assert_eq!(
        parse("enable_ext_metadata", "true").unwrap_err().to_string(),
        "there is no control \"enable_ext_metadata\""
    );
}

/// A value that asks for the feature, and one that asks for its absence.
fn values(feature: Feature) -> (&'static str, Option<&'static str>) {
    match feature {
        Feature::ConnectionBufferSize => ("100", Some("0")),
        Feature::NoopInterval => ("60", None),
        Feature::Priority => ("low", None),
        Feature::BackfillOrder => ("sequential", None),
        Feature::MaxMarkerVersion => ("2.2", None),
        Feature::ConsumerName => ("x", None),
        Feature::Noop
        | Feature::ForceValueCompression
        | Feature::CursorDropping
        | Feature::HifiMfu
        | Feature::StreamEndOnClientClose
        | Feature::ExpiryOpcode => ("true", Some("false")),
        _ => ("true", None),
    }
}

#[test]
fn what_is_not_built_is_refused_and_its_absence_granted() {
    for feature in Feature::ALL {
        let (on, off) = values(feature);
        set(feature.key(), on);
        assert_eq!(
            refused(feature.key(), on, |facts| facts.built = facts.built.without(feature)),
            ControlRefusal::NotBuilt(feature)
        );
        if let Some(off) = off {
            let facts = Negotiated { built: BuiltControls::NONE, ..everything() };
            set_in(&mut Controls::default(), feature.key(), off, &facts).unwrap();
        }
    }
}

#[test]
fn this_build_has_what_it_says() {
    let facts = Negotiated { built: BuiltControls::HERE, ..everything() };
    let granted: Vec<_> = Feature::ALL
        .into_iter()
        .filter(|f| set_in(&mut Controls::default(), f.key(), values(*f).0, &facts).is_ok())
        .map(Feature::key)
        .collect();
    assert_eq!(
        granted,
        [
            "connection_buffer_size",
            "enable_noop",
            "set_noop_interval",
            "set_priority",
            "backfill_order",
            "force_value_compression",
            "supports_cursor_dropping",
            "supports_hifi_MFU",
            "send_stream_end_on_client_close_stream",
            "enable_expiry_opcode",
            "enable_stream_id",
            "include_deleted_user_xattrs",
            "v7_dcp_status_codes",
            "flatbuffers_system_events",
            "max_marker_version",
        ]
    );
}

#[test]
fn who_negotiated_nothing_is_refused_what_needs_it() {
    let facts = Negotiated { built: everything().built, ..Negotiated::NOTHING };
    for (key, value, refusal) in [
        ("force_value_compression", "true", ControlRefusal::NoSnappy),
        ("include_deleted_user_xattrs", "true", ControlRefusal::NotOpenedWithDeletedUserXattrs),
        ("change_streams", "true", ControlRefusal::NoHistory),
        ("max_marker_version", "2.2", ControlRefusal::NoCollections),
        ("cache_transfer", "true", ControlRefusal::NoCacheTransfer),
    ] {
        let mut controls = Controls::default();
        assert_eq!(set_in(&mut controls, key, value, &facts), Err(refusal), "{key}");
        assert!(!refusal.to_string().is_empty());
    }
    assert_eq!(
        parse("enable_stream_id", "false").unwrap_err().to_string(),
        "the control enable_stream_id takes true"
    );
}

#[test]
fn what_known_clients_insist_on_is_granted() {
    let mut controls = Controls::new("client");
    for (key, value) in [
        ("enable_noop", "true"),
        ("set_noop_interval", "180"),
        ("set_priority", "low"),
        ("enable_expiry_opcode", "true"),
        ("backfill_order", "round-robin"),
        ("connection_buffer_size", "20971520"),
        ("send_stream_end_on_client_close_stream", "true"),
        ("set_noop_interval", "120"),
        ("set_priority", "high"),
        ("supports_cursor_dropping_vulcan", "true"),
        ("supports_hifi_MFU", "true"),
    ] {
        set_in(&mut controls, key, value, &Negotiated::NOTHING)
            .unwrap_or_else(|refusal| panic!("{key}={value}: {refusal}"));
    }
}

#[test]
fn each_feature_is_one_bit_and_one_key() {
    let bits: HashSet<_> = Feature::ALL.iter().map(|feature| *feature as u32).collect();
    let keys: HashSet<_> = Feature::ALL.iter().map(|feature| feature.key()).collect();
    assert_eq!((bits.len(), keys.len()), (Feature::ALL.len(), Feature::ALL.len()));
    assert!(bits.iter().all(|bit| bit.is_power_of_two()));
    for feature in Feature::ALL {
        let set = BuiltControls::NONE.with(feature);
        assert!(set.has(feature) && !set.without(feature).has(feature));
        assert_eq!(feature.to_string(), feature.key());
    }
}
