use super::*;

fn one(text: &str) -> Node {
    parse("f", text).unwrap().remove(0).root
}

#[test]
fn places_are_lines_and_columns() {
    let root = one("a:\r\n  b: [1, two]\r\n");
    assert_eq!(
        root.locate("a.b[1]"),
        Position {
            line: 2,
            column: 10
        }
    );
    assert_eq!(
        root.at(&["a"]).unwrap().key_position("b"),
        Some(Position { line: 2, column: 3 })
    );
    assert_eq!(root.locate("a.nothing"), Position { line: 2, column: 3 });
}

#[test]
fn anchors_and_merge_keys_are_written_out() {
    let root = one("x: &x {a: 1, b: 2}\nz:\n  <<: *x\n  b: 3\n");
    assert_eq!(
        root.get("z").unwrap().to_json(),
        serde_json::json!({"b": 3, "a": 1})
    );
}

#[test]
fn a_merge_key_holds_from_where_it_stands() {
    // as kubectl says of each
    for (text, a) in [
        ("{a: 1, <<: {a: 2}}", 2),
        ("{<<: {a: 1}, <<: {a: 2}}", 2),
        ("{<<: [{a: 1}, {a: 2}]}", 1),
        ("{a: 0, <<: [{a: 1}, {a: 2}]}", 1),
        ("{<<: {a: 1}, a: 2}", 2),
        ("{<<: {<<: {a: 1}, a: 2}}", 2),
        ("{<<: {a: 2, <<: {a: 1}}}", 1),
        ("{<<: [{a: 1, <<: {a: 3}}, {a: 2}]}", 3),
    ] {
        let document = parse("f", text).unwrap().remove(0);
        assert_eq!(
            document.root.to_json(),
            serde_json::json!({"a": a}),
            "{text}"
        );
        assert_eq!(document.duplicates, [], "{text}");
    }
}

#[test]
fn a_mapping_ends_where_its_last_alias_stands() {
    let root = one("x: &x {a: 1}\nz:\n  <<: *x\n");
    let (line, column) = (3, 9);
    assert_eq!(root.get("z").unwrap().end, Position { line, column });
}

#[test]
fn the_last_of_two_keys_holds_and_both_are_told() {
    let document = parse("f", "a: 1\na: 2\n").unwrap().remove(0);
    assert_eq!(document.root.to_json(), serde_json::json!({"a": 2}));
    assert_eq!(
        document.duplicates[0].to_string(),
        "f:2:1: duplicate key \"a\", first at 1:1"
    );
}

#[test]
fn faults_name_their_place() {
    let fault = |text: &str| parse("f", text).unwrap_err();
    assert_eq!(fault("a:\n\t- b\n").position.line, 2);
    let deep = fault(&("[".repeat(200) + &"]".repeat(200))).message;
    assert!(deep.contains("nested deeper"), "{deep}");
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..10 {
        bomb.push_str(&format!(
            "a{n}: &a{n} [{}]\n",
            vec![format!("*a{}", n - 1); 10].join(", ")
        ));
    }
    assert!(fault(&bomb).message.contains("aliases"));
}

#[test]
fn any_number_of_comments_may_stand_before_a_value() {
    let text = format!("a: &a\n{}  b: 1\n", "  # c\n".repeat(200));
    assert_eq!(one(&text).to_json(), serde_json::json!({"a": {"b": 1}}));
}

#[test]
fn quoted_text_stays_text() {
    assert_eq!(
        one("a: \"true\"\nb: '1'\nc: !!str 5\nd: !mine 5\n").to_json(),
        serde_json::json!({"a": "true", "b": "1", "c": "5", "d": "5"})
    );
    assert_eq!(
        one("a: !!int '5'\nb: !!null ''\nc: !!bool \"yes\"\n").to_json(),
        serde_json::json!({"a": 5, "b": null, "c": true})
    );
    for text in ["a: !!int x\n", "~: a\n", "[a]: b\n"] {
        assert!(parse("f", text).is_err(), "{text}");
    }
}

#[test]
fn a_line_before_the_root_begins_with_no_tab() {
    // as gopkg.in/yaml.v2 has it
    for (text, place) in [
        ("\ta\n", "1:1"),
        ("\tkind: Pod\n", "1:1"),
        ("  \ta: b\n", "1:3"),
        ("\t# x\na: b\n", "1:1"),
        ("\n\t\na: b\n", "2:1"),
        ("\t- a\n", "1:1"),
        ("\t[a]\n", "1:1"),
        ("a: b\n---\n\tc: d\n", "3:1"),
        ("a: &x b\n---\nc: *x\n---\n\td\n", "5:1"),
    ] {
        let (_, faults) = crate::parse_each("f", text);
        let told: Vec<_> = faults.iter().map(ToString::to_string).collect();
        let wanted = format!("f:{place}: a line may not begin with a tab: write spaces");
        assert!(told.contains(&wanted), "{text:?}: {told:?}");
    }
    for text in [
        "---\t\na: b\n",
        "--- \t{a: b}\n",
        "\t{\"a\": 1}",
        "a: |\n  \tb\n---\nc: \"d\n\te\"\n",
    ] {
        assert_eq!(crate::parse_each("f", text).1, [], "{text:?}");
    }
}
