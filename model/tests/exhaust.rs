//! Every setting, exhausted: all states, all properties.

use reprise_model::check;
use reprise_model::setting::Setting;
use reprise_model::settings::*;

fn exhaust(setting: Setting) {
    let check::Exhausted {
        states,
        depth,
        took,
    } = check::exhaust(&setting);
    println!(
        "model: {:<34} {states:>8} states, depth {depth:>2}, {:>5.1} s",
        setting.name,
        took.as_secs_f32()
    );
}

macro_rules! exhaust {
    ($($test:ident: $setting:expr;)*) => { $(
        #[test]
        fn $test() {
            exhaust($setting);
        }
    )* };
}

exhaust! {
    hold: HOLD;
    hold_of_four: HOLD_OF_FOUR;
    run_again: RUN_AGAIN;
    run_again_of_four: RUN_AGAIN_OF_FOUR;
    adoption: ADOPTION;
    operator: OPERATOR;
    adoption_and_operator: ADOPTION_AND_OPERATOR;
    adoption_and_run_again: ADOPTION_AND_RUN_AGAIN;
    wait: WAIT;
    wait_and_run_again: WAIT_AND_RUN_AGAIN;
    mismatch: MISMATCH;
    running_first: RUNNING_FIRST;
    two_callers: CALLERS;
    upload: UPLOAD;
    upload_and_adoption: UPLOAD_AND_ADOPTION;
    upload_and_run_again: UPLOAD_AND_RUN_AGAIN;
    refuse: REFUSE;
    completion: COMPLETION;
    stalled: STALLED;
    stalled_and_run_again: STALLED_AND_RUN_AGAIN;
}
