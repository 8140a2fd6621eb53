//! The whole lesson as a text: every stop with what is said and shown there, to read, copy, print or take along. Made when it
//! is opened, since the commands in it run the lab again.

use everyhop_engine::lesson::{Told, Transcript as Text};
use yew::prelude::*;

use super::caption::{aside, words};
use crate::hooks::use_rules;
use crate::platform;
use crate::state::run::Shown;

/// Not with the page's own style: it also says what is printed while this is open.
const STYLE: &str = include_str!("../../transcript.css");

#[derive(PartialEq, Properties)]
pub struct Props {
    pub shown: Shown,
}

#[component]
pub fn Transcript(props: &Props) -> Html {
    let made = use_memo(props.shown.clone(), |shown| {
        let text = shown.run.transcript(&shown.lab);
        let markdown = text.markdown();
        (text, markdown)
    });
    let copied = use_state_eq(|| false);
    let node = use_node_ref();
    use_rules(&node, "transcript", STYLE.to_owned());
    let (text, markdown) = &*made;
    let copy = {
        let (made, copied) = (made.clone(), copied.setter());
        Callback::from(move |_: MouseEvent| copied.set(platform::copy(&made.1)))
    };
    let print = Callback::from(|_: MouseEvent| platform::print());
    let name = format!("everyhop-{}.md", props.shown.lesson.as_str());
    html! {
        <article ref={node} class="transcript" aria-label="Transcript" tabindex="0">
            <div class="acts">
                <button class="btn" onclick={copy}>{ "Copy" }</button>
                <a class="btn" download={name} href={platform::data_address(markdown)}>{ "Download as Markdown" }</a>
                <button class="btn" onclick={print}>{ "Print" }</button>
                <span class="hint" role="status">{ if *copied { "Copied." } else { "" } }</span>
            </div>
            { whole(text) }
        </article>
    }
}

fn whole(text: &Text) -> Html {
    html! {
        <>
            <h2>{ &text.title }</h2>
            { for text.variant.iter().map(|it| html! { <p>{ it }</p> }) }
            { list("What there is", &text.there) }
            { for text.stops.iter().enumerate().map(|(index, stop)| told(index + 1, stop)) }
            <section>
                <h3>{ "How it ended" }</h3>
                { list("", &text.results) }
            </section>
        </>
    }
}

fn told(number: usize, it: &Told) -> Html {
    let article = it.article.map(|n| format!(" · article, step {n}")).unwrap_or_default();
    let fields: Vec<String> = it.fields.iter().map(everyhop_engine::lesson::Field::words).collect();
    html! {
        <section key={number}>
            <h3>{ format!("{number}. {}", it.title) }</h3>
            <p class="hint">{ &it.place }{ article }</p>
            { for it.bet.iter().map(|bet| html! {
                <div class="asked">
                    <p><b>{ "Bet: " }</b>{ words(&bet.ask) }</p>
                    <ul>{ for bet.choices.iter().enumerate().map(|(index, choice)| html! {
                        <li>
                            { words(choice) }
                            if index == bet.right { <b>{ " — right, says the trace" }</b> }
                        </li>
                    }) }</ul>
                </div>
            }) }
            { list("On the way here", &it.hops) }
            <p>{ words(&it.text) }</p>
            { for it.aside.as_deref().map(aside) }
            { for it.outcome.iter().map(|outcome| html! { <p>{ outcome }</p> }) }
            { list("The packet", &fields) }
            { list("Why here", &it.reasons) }
            { for it.look.iter().map(|(look, printed)| html! {
                <pre>{ format!("{} # {}\n{}", look.netns, look.command, printed.join("\n")) }</pre>
            }) }
            { list("After that", &it.rest) }
        </section>
    }
}

fn list(title: &'static str, lines: &[String]) -> Html {
    if lines.is_empty() {
        return Html::default();
    }
    html! {
        <>
            if !title.is_empty() { <h4>{ title }</h4> }
            <ul>{ for lines.iter().map(|line| html! { <li>{ words(line) }</li> }) }</ul>
        </>
    }
}
