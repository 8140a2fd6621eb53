//! The lessons there are, in reading order, each a lab's text that comes with the page.

/// A lesson's name in addresses, `pod-to-pod`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LessonId(&'static str);

/// A lesson of the list.
#[derive(Debug)]
pub struct Lesson {
    pub id: LessonId,
    /// In the list of lessons.
    pub title: &'static str,
    /// The lab document. All but the first lesson's come with the second file: not to be read before a lesson is opened.
    pub text: &'static str,
}

/// All lessons that follow the article.
pub const ARTICLE: &[Lesson] = &[
    Lesson {
        id: LessonId("pod-to-pod"),
        title: "Pod to pod, one node",
        text: include_str!("../../../public/labs/pod-to-pod.yaml"),
    },
    Lesson {
        id: LessonId("node-to-node"),
        title: "Pod to pod, across nodes",
        text: include_str!("../../../public/labs/node-to-node.yaml"),
    },
];

/// The learner's own lab; the text is where it begins.
pub const OWN: Lesson = Lesson {
    id: LessonId("own"),
    title: "Your own: edit the YAML",
    text: "\
# Your own cluster: change anything, then press Run (Ctrl+Enter).
apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {podCIDR: 10.244.1.0/24}
---
apiVersion: v1
kind: Node
metadata: {name: node-2}
spec: {podCIDR: 10.244.2.0/24}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  nodeName: node-1
  containers:
    - {name: shell, image: busybox}
---
apiVersion: v1
kind: Pod
metadata: {name: api}
spec:
  nodeName: node-1
  containers:
    - name: server
      image: example/api
      ports: [{containerPort: 8080, protocol: UDP}]
---
apiVersion: v1
kind: Pod
metadata: {name: db}
spec:
  nodeName: node-2
  containers:
    - name: server
      image: example/db
      ports: [{containerPort: 5353, protocol: UDP}]
",
};

impl LessonId {
    /// As it stands in addresses and in storage.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// The lesson an address names. None: there is no such lesson.
    pub fn find(name: &str) -> Option<Self> {
        all().map(|lesson| lesson.id).find(|id| id.0 == name)
    }

    /// The lesson behind the id.
    pub fn lesson(self) -> &'static Lesson {
        all().find(|lesson| lesson.id == self).unwrap_or(&OWN)
    }
}

/// Every lesson, the learner's own last.
pub fn all() -> impl Iterator<Item = &'static Lesson> {
    ARTICLE.iter().chain(std::iter::once(&OWN))
}
