//! The baseline of a made machine: quiet when usual, loud when broken, silent when it cannot know.

use super::*;
use crate::num::Random;

/// Three signals that move together and one that stands alone, in one or two loads.
fn machine(n: usize, seed: u64, fault: impl Fn(usize, &mut [f64])) -> Vec<Sample> {
    let mut random = Random::new(seed);
    let mut swing = 0.0;
    (0..n)
        .map(|i| {
            swing = 0.8 * swing + random.normal();
            let load = if (i / 100) % 2 == 0 { 50.0 } else { 90.0 };
            let mut values = vec![
                load + 0.3 * random.normal(),
                load * 0.5 + swing + 0.2 * random.normal(),
                20.0 + 2.0 * swing + 0.2 * random.normal(),
                5.0 + random.normal(),
            ];
            fault(i, &mut values);
            Sample {
                at: Timestamp(i64::try_from(i).unwrap() * 60_000),
                values,
            }
        })
        .collect()
}

fn inputs() -> Vec<String> {
    ["load", "flow", "pressure", "vibration"]
        .map(str::to_owned)
        .to_vec()
}

fn learn(samples: &[Sample], excluded: &[TimeRange]) -> Result<MultiModel, Withheld> {
    let inputs = inputs();
    let training = Training {
        inputs: &inputs,
        samples,
        excluded,
        operating: &[(0, 2.0)],
    };
    MultiModel::learn(&training, &MultiConfig::default())
}

/// Share of the samples beyond the limit, and the last score.
fn beyond(model: &MultiModel, samples: &[Sample]) -> (f64, MultiScore) {
    let mut state = MultiState::default();
    let scores: Vec<MultiScore> = samples
        .iter()
        .map(|s| model.score(&mut state, &s.values).unwrap())
        .collect();
    let alarms = scores.iter().filter(|s| s.is_beyond()).count();
    (
        alarms as f64 / samples.len() as f64,
        scores.last().unwrap().clone(),
    )
}

const QUIET: fn(usize, &mut [f64]) = |_, _| {};

#[test]
fn a_usual_machine_is_quiet_in_both_of_its_regimes() {
    let model = learn(&machine(2_000, 1, QUIET), &[]).unwrap();
    assert_eq!(model.modes.modes.len(), 2);
    let (share, last) = beyond(&model, &machine(2_000, 2, QUIET));
    assert!(share < 0.01, "{share}");
    assert!(last.coverage == 1.0 && last.contributions.len() == 4);
}

#[test]
fn a_broken_relation_is_found_inside_the_usual_range_and_named_with_its_sign() {
    let model = learn(&machine(2_000, 1, QUIET), &[]).unwrap();
    // The flow is 2.5 too low for its pressure: less than its own swing of about 1.7 deviations.
    let (share, last) = beyond(&model, &machine(400, 3, |_, v| v[1] -= 2.5));
    assert!(share > 0.9, "{share}");
    assert!(last.contributions[1] < -3.0, "{last:?}");
    let most = last
        .contributions
        .iter()
        .map(|c| c.abs())
        .fold(0.0, f64::max);
    assert_eq!(most, last.contributions[1].abs());
}

#[test]
fn a_contaminated_quarter_teaches_nothing() {
    let dirty = machine(2_000, 1, |i, v| {
        if i % 800 < 200 {
            v[3] += 12.0;
            v[1] += 9.0;
        }
    });
    let model = learn(&dirty, &[]).unwrap();
    assert!(model.card.left_out >= 450, "{:?}", model.card);
    assert!(beyond(&model, &machine(400, 4, |_, v| v[3] += 12.0)).0 > 0.9);
    assert!(beyond(&model, &machine(1_000, 5, QUIET)).0 < 0.02);
}

#[test]
fn a_masked_window_teaches_nothing_and_too_little_is_said() {
    let samples = machine(150, 1, QUIET);
    let all = TimeRange {
        from: Timestamp(0),
        to: Timestamp(150 * 60_000),
    };
    assert!(matches!(
        learn(&samples, &[all]),
        Err(Withheld::NotEnoughData { have: 0, .. })
    ));
    let most = TimeRange {
        from: Timestamp(0),
        to: Timestamp(110 * 60_000),
    };
    assert_eq!(
        learn(&samples, &[most]),
        Err(Withheld::NotEnoughData { have: 40, need: 60 })
    );
}

#[test]
fn an_unknown_way_to_run_is_no_anomaly_but_outside_experience() {
    let model = learn(&machine(2_000, 1, QUIET), &[]).unwrap();
    let mut state = MultiState::default();
    assert_eq!(
        model.score(&mut state, &[140.0, 70.0, 20.0, 5.0]),
        Err(Withheld::OutsideExperience)
    );
    assert_eq!(
        model.score(&mut state, &[50.0, 25.0]),
        Err(Withheld::BadInput)
    );
    let gaps = [50.0, f64::NAN, f64::NAN, f64::NAN];
    assert_eq!(
        model.score(&mut state, &gaps),
        Err(Withheld::NotEnoughData { have: 1, need: 4 })
    );
    let one = model
        .score(&mut state, &[50.0, 25.0, f64::NAN, 5.0])
        .unwrap();
    assert_eq!(one.coverage, 0.75);
}

#[test]
fn it_follows_a_season_but_never_a_fault() {
    let trained = learn(&machine(2_000, 1, QUIET), &[]).unwrap();
    let drift = |per_row: f64, n: usize| machine(n, 6, move |i, v| v[3] += per_row * i as f64);
    let run = |samples: &[Sample], is_masked: bool| {
        let (mut model, mut state) = (trained.clone(), MultiState::default());
        let mut alarms = 0;
        for sample in samples {
            let score = model.score(&mut state, &sample.values).unwrap();
            alarms += usize::from(score.is_beyond());
            model.follow(&sample.values, &score, is_masked);
        }
        model.refresh().unwrap();
        (alarms, model)
    };
    let season = drift(0.00012, 10_000);
    assert!(
        run(&season, false).0 < run(&season, true).0,
        "following helps"
    );
    assert_eq!(run(&season, true).1.parts, trained.parts);
    let (alarms, model) = run(&drift(0.001, 10_000), false);
    assert!(alarms > 4_000, "{alarms}");
    assert!(beyond(&model, &machine(300, 7, |_, v| v[3] += 10.0)).0 > 0.9);
}

#[test]
fn training_twice_gives_the_same_bytes_and_they_can_be_read_back() {
    let samples = machine(1_000, 1, QUIET);
    let bytes = |m: &MultiModel| serde_json::to_vec(m).unwrap();
    let (a, b) = (learn(&samples, &[]).unwrap(), learn(&samples, &[]).unwrap());
    assert_eq!(bytes(&a), bytes(&b));
    let (fault, read) = (
        machine(200, 8, |_, v| v[3] += 5.0),
        serde_json::from_slice(&bytes(&a)).unwrap(),
    );
    assert!((beyond(&a, &fault).1.anomaly - beyond(&read, &fault).1.anomaly).abs() < 1e-9);
    assert_eq!((a.card.method.as_str(), a.card.inputs.len()), (METHOD, 4));
}
