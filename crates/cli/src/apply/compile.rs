//! What does a declarative file make of what is there? The steps, in their order; nothing is asked here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::matching;
use super::operation::{Operation, Verb};
use crate::schema::Type;
use crate::values;

/// One step: objects of one type that one line makes, changes or takes away.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Step {
    /// The line that asks for it.
    pub(crate) line: usize,
    pub(crate) object: String,
    /// Bodies by label.
    pub(crate) create: Map<String, Value>,
    /// Patches by id.
    pub(crate) update: Map<String, Value>,
    /// Ids.
    pub(crate) destroy: Vec<String>,
    /// What an id is called, for messages.
    pub(crate) names: BTreeMap<String, String>,
}

/// All steps.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    /// What is risky, with the line.
    pub(crate) warnings: Vec<String>,
}

/// What is there, by type.
pub(crate) type Present = BTreeMap<String, Vec<Value>>;

/// Three passes: what is destroyed, in reverse order; everything else, in order; what `reconcile` implies, in reverse.
pub(crate) fn compile(operations: &[Operation], present: &Present) -> Result<Plan, String> {
    let mut compiler = Compiler { present: present.clone(), ..Compiler::default() };
    for operation in operations.iter().rev().filter(|operation| operation.verb == Verb::Destroy) {
        compiler.destroy(operation).map_err(|why| at(operation, &why))?;
    }
    for operation in operations {
        match operation.verb {
            Verb::Destroy => Ok(()),
            Verb::Create => compiler.create(operation),
            Verb::Update => compiler.update(operation),
            Verb::Upsert | Verb::Reconcile => compiler.upsert(operation),
        }
        .map_err(|why| at(operation, &why))?;
    }
    for operation in operations.iter().rev().filter(|operation| operation.verb == Verb::Reconcile) {
        compiler.sweep(operation);
    }
    Ok(compiler.plan)
}

fn at(operation: &Operation, why: &str) -> String {
    format!("line {}: {why}", operation.line)
}

#[derive(Default)]
struct Compiler {
    present: Present,
    /// The ids of labels that stand for objects that are there.
    ids: BTreeMap<String, String>,
    /// Where the objects are that the plan makes: step by label.
    made: BTreeMap<String, usize>,
    /// Objects that a line has made, met or changed.
    touched: BTreeSet<(String, String)>,
    plan: Plan,
}

impl Compiler {
    fn destroy(&mut self, operation: &Operation) -> Result<(), String> {
        let mut step = Step::of(operation);
        let objects = self.present.entry(operation.kind.name.clone()).or_default();
        let filter = &operation.value;
        if let Some(name) = filter.keys().find(|name| !matching::is_filter(&operation.kind, name)) {
            return Err(format!("{} has no property `{name}` to filter by", operation.kind.name));
        }
        objects.retain(|object| {
            let goes = filter.iter().all(|(name, wanted)| matching::passes(object, name, wanted));
            if goes {
                step.destroys(&operation.kind, object);
            }
            !goes
        });
        self.push(step);
        Ok(())
    }

    fn create(&mut self, operation: &Operation) -> Result<(), String> {
        for (label, body) in &operation.value {
            self.make(operation, label, body)?;
        }
        Ok(())
    }

    fn make(&mut self, operation: &Operation, label: &str, body: &Value) -> Result<(), String> {
        if self.ids.contains_key(label) || self.made.contains_key(label) {
            return Err(format!("the label `{label}` is used twice"));
        }
        let mut step = Step::of(operation);
        let mut body = self.resolved(body);
        step.names.insert(label.to_owned(), operation.kind.name_of(&body));
        step.create.insert(label.to_owned(), body.clone());
        self.plan.steps.push(step);
        self.made.insert(label.to_owned(), self.plan.steps.len() - 1);
        // Later lines meet it as if it were there already.
        body["id"] = format!("#{label}").into();
        self.touch(&operation.kind, &format!("#{label}"));
        self.present.entry(operation.kind.name.clone()).or_default().push(body);
        Ok(())
    }

    fn update(&mut self, operation: &Operation) -> Result<(), String> {
        let wanted = operation.id.as_deref().unwrap_or_default();
        let id = match wanted.strip_prefix('#') {
            Some(label) if self.made.contains_key(label) => wanted.to_owned(),
            Some(label) => self
                .ids
                .get(label)
                .cloned()
                .ok_or_else(|| format!("no line before it has the label `{label}`"))?,
            None => wanted.to_owned(),
        };
        let patch = self.resolved(&Value::Object(operation.value.clone()));
        self.change(operation, &id, patch)
    }

    fn upsert(&mut self, operation: &Operation) -> Result<(), String> {
        if operation.match_on.is_none() && operation.kind.label.is_none() && !operation.kind.singleton {
            self.plan.warnings.push(at(
                operation,
                &format!("{} has no names: objects of equal values are the same", operation.kind.name),
            ));
        }
        for (label, body) in &operation.value {
            let body = self.resolved(body);
            match self.found(operation, label, &body)? {
                Some(id) => {
                    if self.made.contains_key(label)
                        || self.ids.insert(label.clone(), id.clone()).is_some_and(|old| old != id)
                    {
                        return Err(format!("the label `{label}` is used twice"));
                    }
                    let patch = mutable(&operation.kind, &body);
                    self.change(operation, &id, patch)?;
                }
                None => self.make(operation, label, &body)?,
            }
        }
        Ok(())
    }

    /// The id of the object that a body means, if it is there.
    fn found(&self, operation: &Operation, label: &str, body: &Value) -> Result<Option<String>, String> {
        if operation.kind.singleton {
            return Ok(Some(crate::objects::SINGLETON.to_owned()));
        }
        let objects = self.present.get(&operation.kind.name).map(Vec::as_slice).unwrap_or_default();
        let scope = self.resolved(&Value::Object(operation.scope.clone()));
        let within = objects.iter().filter(|object| matching::in_scope(object, &scope));
        let mut same = within
            .filter(|object| matching::same(&operation.kind, operation.match_on.as_ref(), body, object));
        let (first, second) = (same.next(), same.next());
        if second.is_some() {
            return Err(format!("`{label}` is the same as several objects of type {}", operation.kind.name));
        }
        Ok(first.and_then(|object| object.get("id")?.as_str()).map(str::to_owned))
    }

    fn change(&mut self, operation: &Operation, id: &str, patch: Value) -> Result<(), String> {
        self.touch(&operation.kind, id);
        if let Some(label) = id.strip_prefix('#') {
            let step = self.made.get(label).and_then(|at| self.plan.steps.get_mut(*at));
            let body = step.and_then(|step| step.create.get_mut(label)).and_then(Value::as_object_mut);
            if let (Some(body), Value::Object(patch)) = (body, patch) {
                for (path, value) in patch {
                    put(body, &path, value)?;
                }
            }
            return Ok(());
        }
        let mut step = Step::of(operation);
        let objects = self.present.get(&operation.kind.name);
        let object = objects.and_then(|objects| objects.iter().find(|object| object["id"] == id));
        step.names.insert(
            id.to_owned(),
            object.map_or_else(|| id.to_owned(), |object| operation.kind.name_of(object)),
        );
        if patch.as_object().is_some_and(|patch| !patch.is_empty()) {
            step.update.insert(id.to_owned(), patch);
        }
        self.push(step);
        Ok(())
    }

    /// Takes away what a reconciled slice has besides what lines name.
    fn sweep(&mut self, operation: &Operation) {
        if operation.kind.singleton {
            return;
        }
        let scope = self.resolved(&Value::Object(operation.scope.clone()));
        let mut step = Step::of(operation);
        let objects = self.present.entry(operation.kind.name.clone()).or_default();
        objects.retain(|object| {
            let id = object.get("id").and_then(Value::as_str).unwrap_or_default();
            let key = (operation.kind.name.clone(), id.to_owned());
            let goes = matching::in_scope(object, &scope) && !self.touched.contains(&key);
            if goes {
                step.destroys(&operation.kind, object);
            }
            !goes
        });
        self.push(step);
    }

    fn touch(&mut self, kind: &Type, id: &str) {
        self.touched.insert((kind.name.clone(), id.to_owned()));
    }

    fn push(&mut self, step: Step) {
        if !step.is_empty() {
            self.plan.steps.push(step);
        }
    }

    /// A value with its `#label`s that stand for what is there replaced by ids.
    fn resolved(&self, value: &Value) -> Value {
        substituted(value, &self.ids)
    }
}

/// A value with each `#label` that is known replaced by its id, in strings and in keys.
pub(crate) fn substituted(value: &Value, ids: &BTreeMap<String, String>) -> Value {
    let id = |text: &str| text.strip_prefix('#').and_then(|label| ids.get(label));
    match value {
        Value::String(text) => id(text).map_or_else(|| value.clone(), |id| id.as_str().into()),
        Value::Array(items) => items.iter().map(|item| substituted(item, ids)).collect(),
        Value::Object(members) => {
            let members = members.iter();
            let members =
                members.map(|(key, value)| (id(key).unwrap_or(key).clone(), substituted(value, ids)));
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

/// The properties of a body that may be changed in what is there.
fn mutable(kind: &Type, body: &Value) -> Value {
    let members = body.as_object().into_iter().flatten();
    let fixed = |name: &str| {
        name == "@type"
            || kind.property(name).is_some_and(|property| property.read_only || property.server_set)
    };
    Value::Object(
        members.filter(|(name, _)| !fixed(name)).map(|(name, value)| (name.clone(), value.clone())).collect(),
    )
}

/// Puts a value at a path within a body, as the server would.
fn put(body: &mut Map<String, Value>, path: &str, value: Value) -> Result<(), String> {
    let wrong = || format!("`{path}` leads nowhere");
    let parts = values::path(path).ok_or_else(wrong)?;
    let Some((last, before)) = parts.split_last() else { return Err(wrong()) };
    let mut at = body;
    for part in before {
        let within = at.entry(part.clone()).or_insert_with(|| Value::Object(Map::new()));
        at = within.as_object_mut().ok_or_else(wrong)?;
    }
    at.insert(last.clone(), value);
    Ok(())
}

impl Step {
    fn of(operation: &Operation) -> Self {
        Step {
            line: operation.line,
            object: operation.kind.name.clone(),
            create: Map::new(),
            update: Map::new(),
            destroy: Vec::new(),
            names: BTreeMap::new(),
        }
    }

    fn destroys(&mut self, kind: &Type, object: &Value) {
        // What the plan itself makes is no object of the server yet.
        if let Some(id) = object.get("id").and_then(Value::as_str).filter(|id| !id.starts_with('#')) {
            self.names.insert(id.to_owned(), kind.name_of(object));
            self.destroy.push(id.to_owned());
        }
    }

    fn is_empty(&self) -> bool {
        self.objects() == 0
    }

    /// How many objects it is about.
    pub(crate) fn objects(&self) -> usize {
        self.create.len() + self.update.len() + self.destroy.len()
    }
}
