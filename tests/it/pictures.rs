//! What people look like.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use natter::app::PAGE_OF;
use natter::server::broker::ServiceUser;
use reqwest::multipart::{Form, Part};
use reqwest::{Response, StatusCode, header};

use crate::support::{Natter, Person, stranger};

fn picture(colour: [u8; 3], format: ImageFormat) -> Vec<u8> {
    encoded(RgbImage::from_pixel(300, 200, Rgb(colour)), format)
}

fn encoded(plain: RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let plain = DynamicImage::ImageRgb8(plain);
    plain.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// One that takes its time to be decoded.
pub fn large() -> Vec<u8> {
    let plain = RgbImage::from_pixel(5_000, 5_000, Rgb([1, 2, 3]));
    encoded(plain, ImageFormat::Png)
}

pub async fn send(natter: &Natter, person: &Person, of: &'static str, file: Vec<u8>) -> Response {
    let form = Form::new()
        .text(PAGE_OF, person.uid.clone())
        .text("of", of)
        .part("picture", Part::bytes(file).file_name("me.png"));
    let url = natter.url("/settings/picture");
    let request = person.http.post(url).multipart(form);
    request.send().await.unwrap()
}

/// Gives somebody a picture, and tells its address.
pub async fn upload(natter: &Natter, person: &Person, colour: [u8; 3]) -> String {
    let file = picture(colour, ImageFormat::Png);
    let done = send(natter, person, "upload", file).await;
    assert_eq!(done.status(), StatusCode::SEE_OTHER);
    assert_eq!(done.headers()[header::LOCATION], "/settings/account?done");
    shown_in(&person.page("/settings/account").await).expect("a picture")
}

/// The address of the first picture in a page.
fn shown_in(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("src=\"/pictures/")?;
    let (name, _) = rest.split_once('"')?;
    Some(format!("/pictures/{name}"))
}

#[tokio::test]
async fn a_picture_is_shown_to_others_until_it_is_another_one_or_none() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    assert_eq!(shown_in(&ben.page("/people").await), None);
    let red = upload(&natter, &ada, [200, 0, 0]).await;
    assert_eq!(shown_in(&ben.page("/people").await), Some(red.clone()));

    let served = ben.get(&red).await;
    assert_eq!(served.status(), StatusCode::OK);
    let headers = served.headers().clone();
    assert_eq!(headers[header::CONTENT_TYPE], "image/jpeg");
    assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let caching = headers[header::CACHE_CONTROL].to_str().unwrap();
    assert!(caching.contains("private") && caching.contains("immutable"));
    assert!(headers.contains_key(header::CONTENT_SECURITY_POLICY));
    let shown = image::load_from_memory(&served.bytes().await.unwrap()).unwrap();
    assert_eq!((shown.width(), shown.height()), (192, 192));
    let nobody = stranger().get(natter.url(&red)).send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);

    let blue = upload(&natter, &ada, [0, 0, 200]).await;
    assert_ne!(blue, red);
    assert_eq!(ben.get(&red).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(ben.get(&blue).await.status(), StatusCode::OK);
    // The same once more is the same, and stays.
    assert_eq!(upload(&natter, &ada, [0, 0, 200]).await, blue);
    assert_eq!(ben.get(&blue).await.status(), StatusCode::OK);

    let removed = send(&natter, &ada, "remove", Vec::new()).await;
    assert_eq!(removed.status(), StatusCode::SEE_OTHER);
    assert_eq!(shown_in(&ben.page("/people").await), None);
    assert_eq!(ben.get(&blue).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(chunks(&natter).await, 0, "something is left in the store");
}

/// How much of pictures the object store holds.
async fn chunks(natter: &Natter) -> usize {
    let js = async_nats::jetstream::new(natter.as_service(ServiceUser::Chat).await);
    let stream = js.get_stream("OBJ_natter-pictures").await.unwrap();
    let chunks = stream.info_with_subjects("$O.natter-pictures.C.>").await;
    futures::StreamExt::count(chunks.unwrap()).await
}

/// The broker keeps a consumer for some seconds after it was read from, and has 1,000 of a stream at most.
#[tokio::test]
async fn reading_pictures_makes_no_consumers() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let picture = upload(&natter, &ada, [0, 90, 0]).await;
    for _ in 0..20 {
        assert_eq!(ada.get(&picture).await.status(), StatusCode::OK);
    }
    let js = async_nats::jetstream::new(natter.as_service(ServiceUser::Chat).await);
    let stream = js.get_stream("OBJ_natter-pictures").await.unwrap();
    let info = stream.get_info().await.unwrap();
    assert_eq!(info.state.consumer_count, 0);
}

#[tokio::test]
async fn the_same_picture_of_two_people_is_each_ones_own() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let adas = upload(&natter, &ada, [0, 90, 0]).await;
    let bens = upload(&natter, &ben, [0, 90, 0]).await;
    send(&natter, &ada, "remove", Vec::new()).await;
    assert_eq!(ben.get(&adas).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(ada.get(&bens).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_picture_is_refused_with_the_reason_and_too_many_are_told_to_wait() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let before = upload(&natter, &ada, [1, 2, 3]).await;
    let mut large = picture([0, 0, 0], ImageFormat::Png);
    large.resize(12_000_000, 0);
    for (file, reason) in [
        (b"<svg/>".to_vec(), "no picture that Natter can read"),
        (b"<script>alert(1)</script>".to_vec(), "no picture"),
        (Vec::new(), "Choose a picture first"),
        (large, "at most 10 MB"),
    ] {
        let refused = send(&natter, &ada, "upload", file).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = refused.text().await.unwrap();
        assert!(page.contains(reason), "{reason}: {page}");
        assert!(page.contains("role=\"alert\""));
    }
    let now = shown_in(&ada.page("/settings/account").await);
    assert_eq!(now, Some(before), "the one before stays");
    let mut last = StatusCode::OK;
    for _ in 0..6 {
        let told = send(&natter, &ada, "upload", b"x".to_vec()).await;
        last = told.status();
        if last == StatusCode::TOO_MANY_REQUESTS {
            let wait = told.headers()[header::RETRY_AFTER].to_str().unwrap();
            assert!((1..=60).contains(&wait.parse::<u32>().unwrap()), "{wait}");
            assert!(told.text().await.unwrap().contains("Try again in"));
            break;
        }
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}
