use serde_json::json;

use super::*;

/// The text with one change made in its first object.
fn edited(text: &str, path: &str, value: Json) -> Result<String, EditError> {
    let root = parse("", text).unwrap().remove(0).root.start;
    edit(text, root, &[Change::new(path, value)])
}

const POD: &str = "\
# the head stays
spec:   # so does this
  containers:
  - name: a   # first
    image: 'x'

  # about b
  - name: b
    securityContext:
      privileged: true  # why
    command: |
      run

status: {}
";

#[test]
fn only_what_is_meant_changes() {
    let path = "spec.containers[0].securityContext.allowPrivilegeEscalation";
    assert_eq!(
        edited(POD, path, json!(false)).unwrap(),
        POD.replace(
            "    image: 'x'\n",
            "    image: 'x'\n    securityContext:\n      allowPrivilegeEscalation: false\n"
        )
    );
    assert_eq!(
        edited(
            POD,
            "spec.containers[1].securityContext.privileged",
            json!(false)
        )
        .unwrap(),
        POD.replace("true  # why", "false  # why")
    );
    let capabilities = edited(
        POD,
        "spec.containers[1].securityContext.capabilities.drop",
        json!(["ALL"]),
    );
    assert_eq!(
        capabilities.unwrap(),
        POD.replace(
            "true  # why\n",
            "true  # why\n      capabilities:\n        drop: [ALL]\n"
        )
    );
    // behind a block of text
    assert_eq!(
        edited(POD, "spec.containers[1].tty", json!(false)).unwrap(),
        POD.replace("      run\n\n", "      run\n\n    tty: false\n")
    );
    assert_eq!(
        edited(POD, "spec.containers[0].image", json!("it's")).unwrap(),
        POD.replace("'x'", "'it''s'")
    );
    assert_eq!(
        edited(POD, "spec.containers[0].image", json!("x")).unwrap(),
        POD
    );
}

#[test]
fn what_is_empty_is_filled_where_it_stands() {
    assert_eq!(
        edited("a:\n  b:\n  c: {}\n", "a.b.x", json!(1)).unwrap(),
        "a:\n  b: {x: 1}\n  c: {}\n"
    );
    assert_eq!(
        edited("a:\n  b:\n  c: {} # c\n", "a.c.x.w", json!("z")).unwrap(),
        "a:\n  b:\n  c: {x: {w: z}} # c\n"
    );
    assert_eq!(edited("a: null\n", "a", json!(true)).unwrap(), "a: true\n");
    assert_eq!(edited("a: []\n", "a", json!(["x"])).unwrap(), "a: [x]\n");
}

#[test]
fn json_and_flow_stay_what_they_are() {
    assert_eq!(
        edited("{\"a\": {\"b\": 1}}", "a.c", json!("x")).unwrap(),
        "{\"a\": {\"b\": 1, \"c\": \"x\"}}"
    );
    assert_eq!(
        edited("{\n  \"a\": {\n    \"b\": 1\n  }\n}\n", "a.c", json!(["x"])).unwrap(),
        "{\n  \"a\": {\n    \"b\": 1,\n    \"c\": [\"x\"]\n  }\n}\n"
    );
    assert_eq!(
        edited("a: {b: 1, c: 2 }\n", "a.d", json!(true)).unwrap(),
        "a: {b: 1, c: 2, d: true }\n"
    );
}

#[test]
fn json_stays_json_also_where_it_was_empty() {
    let cases = [
        // text, path, value, text after
        (
            r#"{"a": {}, "b": 1}"#,
            "a.x.y",
            json!("z"),
            r#"{"a": {"x": {"y": "z"}}, "b": 1}"#,
        ),
        (
            r#"{"a": null}"#,
            "a.x",
            json!(false),
            r#"{"a": {"x": false}}"#,
        ),
        (
            r#"{"a": []}"#,
            "a",
            json!(["x", "y"]),
            r#"{"a": ["x", "y"]}"#,
        ),
        (
            r#"{"a":{"l":[]},"b":{}}"#,
            "a.l",
            json!(["x", "y"]),
            r#"{"a":{"l":["x","y"]},"b":{}}"#,
        ),
        (
            r#"{"a":{},"b":1}"#,
            "a.x",
            json!({"y": 1, "z": "w"}),
            r#"{"a":{"x":{"y":1,"z":"w"}},"b":1}"#,
        ),
        (
            r#"{"a":1,"b":{"c":true}}"#,
            "b.c",
            json!("x"),
            r#"{"a":1,"b":{"c":"x"}}"#,
        ),
        (r#"{"a":[1]}"#, "a", json!([1, "x"]), r#"{"a":[1,"x"]}"#),
        (
            "{\n\t\"a\": {\n\t\t\"b\": []\n\t}\n}\n",
            "a.c",
            json!({"x": []}),
            "{\n\t\"a\": {\n\t\t\"b\": [],\n\t\t\"c\": {\"x\": []}\n\t}\n}\n",
        ),
        // a document of a file that has others
        (
            "{\"a\": {}}\n---\nb: {}\n",
            "a.x",
            json!("y"),
            "{\"a\": {\"x\": \"y\"}}\n---\nb: {}\n",
        ),
        // no JSON, though it has braces
        (
            "{a: {}, b: 1}\n",
            "a.x",
            json!("zz"),
            "{a: {x: zz}, b: 1}\n",
        ),
    ];
    for (text, path, value, after) in cases {
        let edited = edited(text, path, value);
        assert_eq!(edited.as_deref(), Ok(after), "{path} of {text}");
    }
}

#[test]
fn sequences_take_items_behind() {
    assert_eq!(
        edited("a: [x, w]  # z\n", "a", json!(["x", "w", "ALL"])).unwrap(),
        "a: [x, w, ALL]  # z\n"
    );
    assert_eq!(
        edited(
            "a:\n  - x # x\n  - w\nb: 1\n",
            "a",
            json!(["x", "w", "ALL"])
        )
        .unwrap(),
        "a:\n  - x # x\n  - w\n  - ALL\nb: 1\n"
    );
    assert_eq!(
        edited("a: [\"x\", \"w\"]\n", "a", json!(["w"])).unwrap(),
        "a: [\"w\"]\n"
    );
    assert!(matches!(
        edited("a:\n- x\n- w\n", "a", json!(["w"])),
        Err(EditError::Form(..))
    ));
}

#[test]
fn line_ends_and_missing_ones_stay() {
    assert_eq!(
        edited("a:\r\n    b: 1\r\nc: 2\r\n", "a.d.e", json!(1)).unwrap(),
        "a:\r\n    b: 1\r\n    d:\r\n        e: 1\r\nc: 2\r\n"
    );
    assert_eq!(edited("a: 1", "b", json!(2)).unwrap(), "a: 1\nb: 2");
    assert_eq!(
        edited("a: 1\n---\nb: 2\n", "c", json!("yes")).unwrap(),
        "a: 1\nc: \"yes\"\n---\nb: 2\n"
    );
}

#[test]
fn what_is_shared_is_not_touched() {
    for (text, path) in [
        ("x: &x {a: 1}\nw: *x\n", "w.a"),
        ("x: &x {a: 1}\nw: *x\n", "w.b"),
        ("x: &x\n  a: 1\nw: *x\n", "x.a"),
        ("x: &x {a: 1}\nw:\n  <<: *x\n", "w.a"),
    ] {
        let error = edited(text, path, json!(2)).unwrap_err();
        assert!(
            matches!(error, EditError::Shared(_) | EditError::Unverified(_)),
            "{text}: {error}"
        );
    }
    assert_eq!(
        edited("x: &x {a: 1}\nw:\n  <<: *x\n  b: 1\n", "w.c", json!(2)).unwrap(),
        "x: &x {a: 1}\nw:\n  <<: *x\n  b: 1\n  c: 2\n"
    );
}

#[test]
fn items_of_a_list_are_edited_in_place() {
    let text = "kind: List\nitems:\n- kind: A\n  spec: {a: 1}\n- kind: B\n  spec:\n    a: 1\n";
    let root = parse("", text).unwrap().remove(0).root;
    let second = root.get("items").unwrap().items()[1].start;
    assert_eq!(
        edit(text, second, &[Change::new("spec.b", json!(2))]).unwrap(),
        format!("{text}    b: 2\n")
    );
}

#[test]
fn what_is_taken_out_takes_its_lines_or_its_part_of_one() {
    let cases = [
        // the lines of a block, with what is below them
        (
            "a: 1 # one\nb:\n  c: 2\n  d: 3 # gone\n# stays\ne: 4\n",
            "b.d",
            "a: 1 # one\nb:\n  c: 2\n# stays\ne: 4\n",
        ),
        (
            "a: 1\nb:\n  c: 2\n  d: |\n    x\n    y\ne: 4\n",
            "b",
            "a: 1\ne: 4\n",
        ),
        ("a: 1\nb: 2", "b", "a: 1\n"),
        // the last one takes the mapping with it
        ("a:\n  b: 1\nc: 2\n", "a.b", "c: 2\n"),
        ("a:\n  b:\n    c: 1\n  d: 2\n", "a.b.c", "a:\n  d: 2\n"),
        ("x: 1\na: {b: {c: 1}}\n", "a.b.c", "x: 1\n"),
        // items
        ("a:\n- x: 1\n  y: 2\n- z: 3\n", "a[0]", "a:\n- z: 3\n"),
        ("a:\n  - x\n  - y # gone\n", "a[1]", "a:\n  - x\n"),
        // a part of a line
        ("a: {b: 1, c: 2, d: 3}\n", "a.c", "a: {b: 1, d: 3}\n"),
        ("a: {b: 1, c: 2}\n", "a.c", "a: {b: 1}\n"),
        ("a: [1, 2, 3]\n", "a[0]", "a: [2, 3]\n"),
        ("a: {b: 1}\n", "a.b", "a: {}\n"),
        ("a:\n- b: 1\n- c: 2\n", "a[0].b", "a:\n- {}\n- c: 2\n"),
        // what is not there
        ("a: 1\n", "b.c", "a: 1\n"),
    ];
    for (before, path, after) in cases {
        let edited = edit(
            before,
            Position { line: 1, column: 1 },
            &[Change::removal(path)],
        );
        assert_eq!(edited.as_deref(), Ok(after), "{path} of {before}");
    }
    let first = edit(
        "a:\n- x: 1\n  y: 2\n",
        Position { line: 1, column: 1 },
        &[Change::removal("a[0].x")],
    );
    assert_eq!(first.as_deref(), Ok("a:\n- y: 2\n"));
    let shares = edit(
        "a:\n- x: 1 # one\n  y: 2\n",
        Position { line: 1, column: 1 },
        &[Change::removal("a[0].x")],
    );
    assert!(matches!(shares, Err(EditError::Form(..))), "{shares:?}");
}

#[test]
fn several_can_be_taken_out_at_once() {
    let text = "a:\n  b: 1\n  c: 2\n  d: 3\nl:\n- 1\n- 2\n- 3\n";
    let changes = ["a.b", "a.d", "l[0]", "l[2]"].map(Change::removal);
    let edited = edit(text, Position { line: 1, column: 1 }, &changes);
    assert_eq!(edited.as_deref(), Ok("a:\n  c: 2\nl:\n- 2\n"));
    let changes = ["a.b", "a.c", "a.d"].map(Change::removal);
    let edited = edit(text, Position { line: 1, column: 1 }, &changes);
    assert_eq!(edited.as_deref(), Ok("l:\n- 1\n- 2\n- 3\n"));
}

#[test]
fn a_block_of_text_before_what_is_less_moved_in_ends_with_its_last_line() {
    let text = "s:\n  c:\n    - n: a\n      command:\n        - |\n          # one\n          two\n  v: 1\n";
    let added = text.replace("  v: 1\n", "      x: true\n  v: 1\n");
    assert_eq!(edited(text, "s.c[0].x", json!(true)), Ok(added));
    let gone = edit(
        text,
        Position { line: 1, column: 1 },
        &[Change::removal("s.c[0].command")],
    );
    assert_eq!(gone.as_deref(), Ok("s:\n  c:\n    - n: a\n  v: 1\n"));
}

#[test]
fn comments_that_are_moved_in_deeper_stay_with_what_is_before_them() {
    let text = "spec:\n  containers:\n  - name: a\n    image: x\n    # livenessProbe:\n    #   httpGet: {port: 80}\n\n      # deeper\n  # volumes: []\nstatus: {}\n";
    assert_eq!(
        edited(text, "spec.x", json!(1)),
        Ok(text.replace("  # volumes", "  x: 1\n  # volumes"))
    );
    assert_eq!(
        edited(text, "spec.containers[0].x", json!(1)),
        Ok(text.replace("    # livenessProbe", "    x: 1\n    # livenessProbe"))
    );
    let last = "spec:\n  containers:\n  - name: a\n    # image: x";
    assert_eq!(
        edited(last, "spec.x", json!(1)),
        Ok(format!("{last}\n  x: 1"))
    );
    let list = "a:\n  - x\n    # of x\n  # of none\nb: 1\n";
    assert_eq!(
        edited(list, "a", json!(["x", "zz"])),
        Ok(list.replace("  # of none", "  - zz\n  # of none"))
    );
}

#[test]
fn lines_that_end_with_a_carriage_return_alone_are_left() {
    let error = edit(
        "a: 1\rb: 2\r",
        Position { line: 1, column: 1 },
        &[Change::new("c", json!(1))],
    );
    assert!(matches!(error, Err(EditError::Form(..))), "{error:?}");
}
