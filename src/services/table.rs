//! The macro behind the table of services: the closed enums and their dispatch, and nothing else.

macro_rules! services {
    ($($folder:ident $service:ident { $($kind:ident($spec:ty) = $name:literal),+ $(,)? })+) => {
        /// A service of the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Service {
            $(#[doc = concat!("`", stringify!($folder), "`.")] $service,)+
        }

        impl Service {
            /// Every service, in the order of the table.
            pub const ALL: &[Service] = &[$(Service::$service),+];

            /// The name, as `--service` and IAM actions spell it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Service::$service => stringify!($folder),)+ }
            }

            /// What this service should hold in an account; nothing where its section is left out.
            pub fn desire(self, declared: &Declared<'_>, place: &Place<'_>) -> Vec<Desired> {
                match self { $(Service::$service => $folder::desire(declared, place),)+ }
            }

            /// Where this service is read in an account; nowhere where its section is left out.
            pub fn cells(self, declared: &Declared<'_>, place: &Place<'_>) -> Vec<Target> {
                match self { $(Service::$service => $folder::cells(declared, place),)+ }
            }

            /// Reads one cell.
            #[cfg(feature = "aws")]
            pub async fn observe(self, cell: &adapter::Cell<'_>) -> Result<Reading, crate::model::OpError> {
                let reading = match self { $(Service::$service => $folder::aws::observe(cell).await,)+ };
                reading.and_then(|reading| cell.own(self.as_str(), reading))
            }

            /// The operations that reading takes; the guard lets no others through while planning.
            #[cfg(feature = "aws")]
            pub fn reads(self) -> &'static [&'static str] {
                match self { $(Service::$service => $folder::aws::READS,)+ }
            }

            /// The operations that writing takes besides; the guard lets no others through.
            #[cfg(feature = "aws")]
            pub fn writes(self) -> &'static [&'static str] {
                match self { $(Service::$service => $folder::aws::WRITES,)+ }
            }
        }

        impl std::fmt::Display for Service {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for Service {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Service::ALL.iter().copied().find(|s| s.as_str() == text).ok_or_else(|| {
                    let names: Vec<_> = Service::ALL.iter().map(|s| s.as_str()).collect();
                    format!("`{text}` is not a service: expected one of {}", names.join(", "))
                })
            }
        }

        /// What a resource is, as addresses and JSON spell it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind {
            $($(#[doc = concat!("`", $name, "`.")] #[serde(rename = $name)] $kind,)+)+
        }

        impl Kind {
            /// Every kind, in the order of the table.
            pub const ALL: &[Kind] = &[$($(Kind::$kind),+),+];

            /// The name.
            pub const fn as_str(self) -> &'static str {
                match self { $($(Kind::$kind => $name,)+)+ }
            }

            /// Where it is and what it is for.
            pub const fn about(self) -> About {
                match self { $($(Kind::$kind => <$spec as Resource>::ABOUT,)+)+ }
            }

            /// The service it belongs to.
            pub const fn service(self) -> Service {
                match self { $($(Kind::$kind => Service::$service,)+)+ }
            }
        }

        impl std::fmt::Display for Kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for Kind {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Kind::ALL.iter().copied().find(|k| k.as_str() == text).ok_or_else(|| {
                    let names: Vec<_> = Kind::ALL.iter().map(|k| k.as_str()).collect();
                    format!("`{text}` is not a kind: expected one of {}", names.join(", "))
                })
            }
        }

        /// A resource of any kind, as it should be or as it was seen.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", content = "spec")]
        pub enum Spec {
            $($(#[doc = concat!("A `", $name, "`.")] #[serde(rename = $name)] $kind(Box<$spec>),)+)+
        }

        impl Spec {
            /// What it is.
            pub const fn kind(&self) -> Kind {
                match self { $($(Spec::$kind(_) => Kind::$kind,)+)+ }
            }

            /// It as a document, for diffs, plans and reports.
            pub fn document(&self) -> serde_json::Value {
                // Specs are plain structs with text keys: the only failures serde_json knows cannot happen.
                match self { $($(Spec::$kind(spec) => serde_json::to_value(spec).unwrap_or_default(),)+)+ }
            }

            /// See [`Resource::references`].
            pub fn references(&mut self) -> Vec<&mut Reference> {
                match self { $($(Spec::$kind(spec) => spec.references(),)+)+ }
            }

            /// See [`Resource::tags`].
            pub fn tags(&self) -> &Tags {
                match self { $($(Spec::$kind(spec) => spec.tags(),)+)+ }
            }

            /// See [`Resource::undelivered`].
            pub fn undelivered(&self) -> Option<Kept> {
                match self { $($(Spec::$kind(spec) => spec.undelivered(),)+)+ }
            }

            /// See [`Resource::is_unusable`].
            pub fn is_unusable(&self) -> bool {
                match self { $($(Spec::$kind(spec) => spec.is_unusable(),)+)+ }
            }

            /// See [`Resource::shared_policy`].
            pub fn shared_policy(&self) -> Option<&SharedPolicy> {
                match self { $($(Spec::$kind(spec) => spec.shared_policy(),)+)+ }
            }

            /// See [`Resource::adopt`]. A `seen` of another kind teaches nothing.
            pub fn adopt(&mut self, seen: &Spec, terms: &Terms) -> Vec<Kept> {
                match (self, seen) {
                    $($((Spec::$kind(spec), Spec::$kind(seen)) => spec.adopt(seen, terms),)+)+
                    _ => Vec::new(),
                }
            }

            /// See [`Resource::refusals`].
            pub fn refusals(&self, seen: Option<&Spec>, terms: &Terms) -> Vec<String> {
                match self {
                    $($(Spec::$kind(spec) => {
                        let seen = match seen { Some(Spec::$kind(seen)) => Some(&**seen), _ => None };
                        spec.refusals(seen, terms)
                    })+)+
                }
            }

            /// Writes the change; answers the ARN of what is there afterwards.
            #[cfg(feature = "aws")]
            pub async fn apply(
                &self,
                seen: Option<&Spec>,
                order: &adapter::Order<'_>,
            ) -> Result<crate::model::Arn, crate::model::OpError> {
                let made = match self {
                    $($(Spec::$kind(spec) => {
                        let seen = match seen { Some(Spec::$kind(seen)) => Some(&**seen), _ => None };
                        adapter::Write::apply(&**spec, seen, order).await
                    })+)+
                };
                made.and_then(|arn| order.own(arn))
            }

            /// See [`adapter::Write::serves`].
            #[cfg(feature = "aws")]
            pub fn serves(
                &self,
                address: &crate::model::Address,
                error: &crate::model::OpError,
            ) -> Option<crate::model::Arn> {
                match self {
                    $($(Spec::$kind(spec) => adapter::Write::serves(&**spec, address, error),)+)+
                }
            }

            /// See [`adapter::Write::rivals`].
            #[cfg(feature = "aws")]
            pub async fn rivals(
                &self,
                order: &adapter::Order<'_>,
            ) -> Result<Vec<String>, crate::model::OpError> {
                match self {
                    $($(Spec::$kind(spec) => adapter::Write::rivals(&**spec, order).await,)+)+
                }
            }

            /// Removes what `order` names, which is ours and no longer declared.
            #[cfg(feature = "aws")]
            pub async fn delete(&self, order: &adapter::Order<'_>) -> Result<(), crate::model::OpError> {
                match self {
                    $($(Spec::$kind(spec) => adapter::Write::delete(&**spec, order).await,)+)+
                }
            }
        }
    };
}
