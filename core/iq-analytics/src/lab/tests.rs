//! A made machine through the lab: learned, given a limit, judged, set beside the one before.

use iq_domain::Bucket;

use super::*;
use crate::{measure::auroc, multi::Sample, num::Random};

const MINUTE: i64 = 60_000;

/// Flow and pressure move together, vibration stands alone; `fault` changes a row.
fn machine(n: usize, seed: u64, fault: impl Fn(usize, &mut [f64])) -> History {
    let mut random = Random::new(seed);
    let mut swing = 0.0;
    let samples = (0..n).map(|i| {
        swing = 0.9 * swing + random.normal();
        let mut values = vec![
            80.0 + swing + 0.2 * random.normal(),
            12.0 + 0.5 * swing + 0.1 * random.normal(),
            2.0 + 0.1 * random.normal(),
        ];
        fault(i, &mut values);
        Sample {
            at: Timestamp(i64::try_from(i).unwrap() * MINUTE),
            values,
        }
    });
    History {
        inputs: ["flow", "pressure", "vibration"]
            .map(str::to_owned)
            .to_vec(),
        samples: samples.collect(),
        min_sigma: vec![0.1, 0.05, 0.02],
        row_ms: MINUTE,
        ..History::default()
    }
}

const QUIET: fn(usize, &mut [f64]) = |_, _| {};

fn at(row: i64) -> Timestamp {
    Timestamp(row * MINUTE)
}

fn train_on(history: &History) -> Result<Trained, Withheld> {
    train(history, None, &LabConfig::default())
}

#[test]
fn a_model_is_learned_judged_on_what_it_has_not_seen_and_finds_a_failure_there() {
    // From row 2,750 on the vibration grows; the machine fails at row 2,950.
    let mut history = machine(3_000, 1, |i, v| {
        if i > 2_750 {
            v[2] += (i - 2_750) as f64 * 0.01;
        }
    });
    history.failures = vec![at(2_950)];
    history.suspect = vec![TimeRange {
        from: at(2_740),
        to: at(3_000),
    }];
    let trained = train_on(&history).unwrap();
    let trial = trained.comparison.candidate;
    assert_eq!((trial.failures, trial.found), (1, 1), "{trial:?}");
    assert_eq!(trial.false_alarms, 0);
    assert!(trial.judged > 0.99 && trial.noticed > 0.8, "{trial:?}");
    assert!(trained.comparison.is_not_worse() && trained.comparison.current.is_none());
    assert!(
        trained.model.multi.card.to < at(2_100),
        "{:?}",
        trained.model.multi.card
    );

    let back = back_test(&trained.model.multi, trained.limit, &history);
    let foreseen = back.failures[0];
    assert!(
        foreseen
            .alarm_at
            .is_some_and(|a| a > at(2_750) && a < at(2_900)),
        "{foreseen:?}"
    );
    let alarm = back.alarms.iter().find(|a| a.to >= at(2_900)).unwrap();
    assert!(
        alarm.named[0].0 == 2 && alarm.named[0].1 > 0.0,
        "vibration, upwards: {alarm:?}"
    );
    let unwarned = History {
        failures: vec![at(500)],
        ..history
    };
    let missed = back_test(&trained.model.multi, trained.limit, &unwarned);
    assert_eq!(missed.failures[0].alarm_at, None);
}

#[test]
fn too_little_too_silent_and_masked_history_is_said_with_its_numbers() {
    let need = 240;
    let short = |h: &History| train_on(h).map(drop);
    let not_enough = |have| Err(Withheld::NotEnoughData { have, need });
    assert_eq!(short(&machine(100, 1, QUIET)), not_enough(100));
    assert_eq!(short(&machine(0, 1, QUIET)), not_enough(0));
    let mut stopped = machine(1_000, 1, QUIET);
    stopped.stopped = vec![TimeRange {
        from: at(0),
        to: at(900),
    }];
    assert_eq!(short(&stopped), not_enough(100));
    let silent = machine(1_000, 1, |_, v| v.fill(f64::NAN));
    assert_eq!(short(&silent), not_enough(0));
    // One dead sensor is left out and named, the others carry on.
    let dead = machine(1_000, 1, |i, v| {
        if i > 300 {
            v[1] = f64::NAN;
        }
    });
    let model = train_on(&dead).unwrap().model;
    assert_eq!(model.multi.card.inputs, ["flow", "vibration"]);
    let pressure = &model.coverage[1];
    assert!(!pressure.is_used && pressure.filled < 0.4, "{pressure:?}");
}

#[test]
fn a_model_of_some_hours_is_kept_but_does_not_come_into_force_by_itself() {
    let hours = train_on(&machine(300, 1, QUIET)).unwrap();
    assert_eq!(hours.comparison.worse, [Worse::Thin]);
    assert!(!hours.comparison.is_not_worse());
    // As many rows of a slower clock are a whole day and more.
    let mut slow = machine(300, 1, QUIET);
    slow.row_ms = 5 * MINUTE;
    for (i, sample) in slow.samples.iter_mut().enumerate() {
        sample.at = at(5 * i64::try_from(i).unwrap());
    }
    let slow = train_on(&slow).unwrap();
    assert!(slow.comparison.is_not_worse(), "{:?}", slow.comparison);
}

#[test]
fn a_rate_is_told_where_the_time_can_show_it() {
    // Four hours show no rate, whatever the budget.
    let hours = 4.0 / (7.0 * 24.0);
    for budget in [0.0, 0.1, 1.0, 50.0] {
        assert_eq!(rate(0, hours, budget), None);
        assert_eq!(rate(4, hours, budget), None);
    }
    assert_eq!(rate(3, 1.5, 1.0), Some(2.0));
    assert_eq!(rate(3, 1.5, 0.5), None, "two weeks are needed");
    assert_eq!(rate(0, 0.5, 2.0), Some(0.0));
    assert_eq!(rate(1, 4.0, 0.0), Some(0.25), "four weeks tell any rate");
}

#[test]
fn a_smaller_budget_means_a_higher_limit_and_fewer_alarms() {
    let noisy = machine(8_000, 3, |i, v| {
        // A short excursion four times a week, one larger than the other.
        if i % 600 < 6 {
            v[2] += 0.4 + (i / 600) as f64 * 0.05;
        }
    });
    let trained = train_on(&noisy).unwrap();
    let curve = &trained.model.curve;
    let limits: Vec<f64> = [0.0, 1.0, 5.0, 50.0].map(|b| curve.limit_at(b)).to_vec();
    assert!(
        limits.is_sorted_by(|a, b| a >= b) && limits[0] > limits[3],
        "{limits:?}"
    );
    assert_eq!(curve.per_week(limits[0]), 0.0);
    assert!(
        curve
            .points
            .iter()
            .map(|p| p.alarms)
            .is_sorted_by(|a, b| a >= b)
    );
    // Some hours can't show what a week allows.
    let short = LimitCurve {
        weeks: 0.1,
        ..curve.clone()
    };
    assert!(short.limit_at(1.0) >= 1.0);
}

#[test]
fn an_alarm_in_the_course_of_time_is_the_one_the_budget_was_counted_by() {
    let noisy = machine(4_000, 3, |i, v| {
        if i % 300 < 6 {
            v[2] += 0.4 + (i / 300) as f64 * 0.05;
        }
    });
    let model = train_on(&noisy).unwrap().model;
    let steps = replay(&model.multi, &noisy, (at(0), at(4_000)));
    let mut most = 0;
    for limit in [0.8, 1.0, 1.5, 2.5] {
        let (mut alarm, mut began, mut stood) = (Alarm::default(), Vec::new(), false);
        for step in &steps {
            alarm.take(step.at, step.anomaly.unwrap() / limit, &[], MINUTE);
            if alarm.standing().is_some() && !stood {
                began.push(step.at);
            }
            stood = alarm.standing().is_some();
        }
        let counted = episodes(&steps, limit);
        assert!(began.len() <= counted.len(), "{limit}: {began:?}");
        assert!(
            began.iter().all(|at| counted.iter().any(|e| e.from == *at)),
            "{limit}: {began:?}"
        );
        most = most.max(began.len());
    }
    assert!(most > 3, "there was something to count: {most}");
}

#[test]
fn a_candidate_that_learned_a_fault_does_not_replace_a_good_model() {
    let good = train_on(&machine(3_000, 1, QUIET)).unwrap();
    // The sensor's noise grew tenfold in what the candidate sees first; later it is as before.
    let mut random = Random::new(9);
    let noise: Vec<f64> = (0..3_000).map(|_| 3.0 * random.normal()).collect();
    let later = machine(3_000, 2, |i, v| {
        if i < 2_500 {
            v[2] += noise[i];
        }
    });
    let current = Some((&good.model.multi, good.limit));
    let candidate = train(&later, current, &LabConfig::default()).unwrap();
    assert!(
        candidate.comparison.worse.contains(&Worse::Noticed),
        "{:?}",
        candidate.comparison
    );
    assert!(!candidate.comparison.is_not_worse());
    let fresh = train(&machine(3_000, 2, QUIET), current, &LabConfig::default()).unwrap();
    assert!(fresh.comparison.is_not_worse(), "{:?}", fresh.comparison);
    assert!(fresh.comparison.current.is_some());
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_one_and_on_two_threads() {
    let history = machine(2_000, 1, QUIET);
    let bytes = |h: &History| serde_json::to_vec(&train_on(h).unwrap().model).unwrap();
    let alone = bytes(&history);
    let both: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let run = || scope.spawn(|| bytes(&history));
        [run(), run()].map(|t| t.join().unwrap()).to_vec()
    });
    assert!(both.iter().all(|b| *b == alone));
    let read: AssetModel = serde_json::from_slice(&alone).unwrap();
    assert_eq!(read.multi.card.inputs.len(), 3);
}

#[test]
fn shuffled_labels_leave_no_skill() {
    let model = train_on(&machine(2_000, 1, QUIET)).unwrap().model.multi;
    let is_faulty = |i: usize| (i / 100) % 2 == 1;
    let faulty = machine(2_000, 5, |i, v| {
        if is_faulty(i) {
            v[2] += 1.0;
        }
    });
    let steps = replay(&model, &faulty, (at(0), at(2_000)));
    let scored = |labels: &[bool]| -> f64 {
        let pairs: Vec<(f64, bool)> = steps
            .iter()
            .zip(labels)
            .map(|(s, l)| (s.anomaly.unwrap(), *l))
            .collect();
        auroc(&pairs)
    };
    let mut labels: Vec<bool> = (0..2_000).map(is_faulty).collect();
    assert!(scored(&labels) > 0.9, "{}", scored(&labels));
    Random::new(4).shuffle(&mut labels);
    assert!((scored(&labels) - 0.5).abs() < 0.05, "{}", scored(&labels));
    // And a model whose relations were shuffled away no longer sees a broken one.
    let relation = |i: usize, v: &mut [f64]| {
        if is_faulty(i) {
            v[1] -= 0.5;
        }
    };
    let mut mixed = machine(2_000, 1, QUIET);
    let mut order: Vec<usize> = (0..mixed.samples.len()).collect();
    Random::new(8).shuffle(&mut order);
    let flows: Vec<f64> = order.iter().map(|i| mixed.samples[*i].values[0]).collect();
    for (sample, flow) in mixed.samples.iter_mut().zip(flows) {
        sample.values[0] = flow;
    }
    let skill = |m: &MultiModel| {
        let steps = replay(m, &machine(2_000, 6, relation), (at(0), at(2_000)));
        let pairs = steps.iter().enumerate();
        auroc(
            &pairs
                .map(|(i, s)| (s.anomaly.unwrap(), is_faulty(i)))
                .collect::<Vec<_>>(),
        )
    };
    let blind = train_on(&mixed).unwrap().model.multi;
    let (sees, guesses) = (skill(&model), skill(&blind));
    assert!(
        sees > 0.8 && (guesses - 0.5).abs() < 0.12,
        "{sees} {guesses}"
    );
}

#[test]
fn rows_hold_a_value_for_a_while_and_then_have_none() {
    let bucket = |minute: i64, value: f64| Bucket {
        t: at(minute),
        count: 2,
        min: value,
        max: value,
        sum: 2.0 * value,
        first: value,
        last: value,
    };
    let range = TimeRange {
        from: at(0),
        to: at(12),
    };
    let got = rows(
        &[vec![bucket(1, 4.0)], vec![bucket(0, 1.0), bucket(11, 2.0)]],
        range,
        MINUTE,
    );
    let minutes: Vec<i64> = got.iter().map(|r| r.at.0 / MINUTE).collect();
    assert_eq!(minutes, [0, 1, 2, 3, 4, 5, 6, 11]);
    assert!(got[0].values[0].is_nan() && got[0].values[1] == 1.0);
    assert_eq!(got[5].values, [4.0, 1.0]);
    assert!(got[6].values[0] == 4.0 && got[6].values[1].is_nan());
    assert!(got[7].values[0].is_nan() && got[7].values[1] == 2.0);
}

#[test]
fn the_level_is_fifty_at_the_limit_and_never_a_hundred() {
    assert_eq!((level(0.0), level(0.7)), (0.0, 0.0));
    assert!((level(1.0) - 50.0).abs() < 1e-9 && (level(1.3) - 75.0).abs() < 1e-9);
    assert!(level(4.0) > 99.0 && level(4.0) < 100.0);
}
