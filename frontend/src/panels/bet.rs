//! A bet: the question before a step, and what became of the answer at it.

use everyhop_engine::lesson::narration::Bet;
use yew::prelude::*;

use super::caption::words;
use crate::hooks::{Dispatch, click};
use crate::state::Action;

/// The question that the next step answers. Nobody need answer: the next step is there either way.
pub fn offered(bet: &Bet, chosen: Option<usize>, dispatch: &Dispatch) -> Html {
    html! {
        <fieldset class="bet" aria-describedby="bet-ask">
            <legend>{ "Place your bet" }</legend>
            <p id="bet-ask">{ words(&bet.ask) }</p>
            { for bet.choices.iter().enumerate().map(|(index, choice)| html! {
                <button
                    key={index}
                    class="choice"
                    aria-pressed={(chosen == Some(index)).to_string()}
                    onclick={click(dispatch, Action::Bet(index))}
                >
                    { words(choice) }
                </button>
            }) }
            <p class="hint" role="status">
                { if chosen.is_some() { "The next step will tell." } else { "Or just go on." } }
            </p>
        </fieldset>
    }
}

/// What the trace says to it.
pub fn settled(bet: &Bet, chosen: Option<usize>) -> Html {
    let is_right = chosen == Some(bet.right);
    let right = bet.choices.get(bet.right).map(|it| words(it));
    let verdict = match chosen {
        None => "The question was",
        Some(_) if is_right => "You won your bet",
        Some(_) => "Not this time",
    };
    let class = chosen.map(|_| if is_right { "won" } else { "lost" });
    html! {
        <div class={classes!("bet", "settled", class)} role="status">
            <b>{ verdict }</b>
            <p>{ words(&bet.ask) }</p>
            if let Some(lost) = chosen.filter(|_| !is_right).and_then(|it| bet.choices.get(it)) {
                <p class="was"><s>{ words(lost) }</s></p>
            }
            <p class="answer">{ right }</p>
        </div>
    }
}
